import { RecoveryError } from '../model/errors.ts';
import type { RestoreInput, RestoreReport } from '../model/operations.ts';
import type { RestorePlan } from '../model/restore/plan/plan.ts';

/** How a restore is planned and carried out: durably by Temporal, or in this process. */
export interface RestoreExecutor {
  /** Reads and computes; changes nothing. */
  plan(input: RestoreInput): Promise<{ plan: RestorePlan; digest: string }>;
  restore(input: RestoreInput): Promise<RestoreReport>;
}

/** A plan where a restore was asked for, or the other way round. */
export const wrongAnswer = (outcome: string): RecoveryError =>
  new RecoveryError('INTERNAL', `the answer is of the wrong kind: ${outcome}`, {
    next: 'Do redis-backup and its worker have the same version?',
  });
