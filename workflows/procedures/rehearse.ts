import type { ApprovablePlan, PlanRestoreInput } from '../../activities/restore/plan.ts';
import type { ErrorCode } from '../../model/errors.ts';
import type { NamedShard } from '../../model/shard.ts';
import type { At } from '../steps/step-table.ts';
import type { PlanRunner } from './step-runner.ts';

/** Whatever came out, the restore is refused: nobody needs to wait for it. */
const FINAL: readonly ErrorCode[] = [
  'TARGET_IDENTITY',
  'PLATFORM_UNSUPPORTED',
  'CLOCK_SKEW',
  'LOG_REFUSED',
  'LOG_FOREIGN_COMMAND',
];

type Looked = Pick<PlanRestoreInput, 'target' | 'live'>;

export interface RehearsedPlanning {
  of: NamedShard;
  input: PlanRestoreInput['input'];
  at: At<'rehearse'>;
  summary: string;
  /** At the target, as it is now. */
  look(): Promise<Looked>;
}

/**
 * Plans a restore; with a log, it is tried in a throw-away Redis first, and planned again by what came out. What that has
 * left, kept or not, is gone when the operation has ended. What would be a loss is looked at again: keys that live for seconds
 * have ended by themselves meanwhile.
 */
export async function planRehearsed(
  runner: PlanRunner,
  { of, input, at, summary, look }: RehearsedPlanning,
): Promise<ApprovablePlan> {
  const looked = await look();
  const { target } = looked;
  const draft = await runner.runStep('planRestore', { of, input, ...looked }, { summary });
  const { plan } = draft;
  if (!plan.log || input.noRehearsal || plan.refusals.some(({ code }) => FINAL.includes(code))) return draft;
  runner.enter('rehearse');
  runner.afterwards('discardRehearsal', { instance: input.instance }, { at, summary: 'remove what the rehearsal has left' });
  const rehearsal = await runner.runStep(
    'rehearse',
    { plan, target, keep: !input.planOnly },
    { at, summary: `load ${plan.backupId} and its log into a throw-away Redis, and count what comes out` },
  );
  const planBy = (seen: Looked): Promise<ApprovablePlan> =>
    runner.runStep('planRestore', { of, input, ...seen, rehearsal, drafted: plan }, { summary: `${summary}, by what came out` });
  const planned = await planBy(looked);
  return planned.plan.refusals.some(({ code }) => code === 'RESTORE_LOSS') ? planBy(await look()) : planned;
}
