import type { RetentionInput, RetentionResult } from '../model/operations.ts';
import { CHECKS, checkInput } from './inputs.ts';
import { cancelHint, Watching } from './operation-status.ts';
import { runStep } from './steps/run-step.ts';

/**
 * Deletes the backups that the rules no longer keep. Needs no lock: it touches no Redis, what a plan names is pinned, and
 * two at a time come to the same end.
 */
export async function applyRetention(input: RetentionInput): Promise<RetentionResult> {
  checkInput('applyRetention', input, { instance: CHECKS.instance }, { dryRun: CHECKS.flag });
  const watching = new Watching(input.instance, 'retention', cancelHint());
  return watching.run(() => {
    watching.enter('retention');
    const summary = input.dryRun ? 'say which backups would be deleted' : 'delete backups that the rules no longer keep';
    return runStep('applyRetention', input, { summary });
  });
}
