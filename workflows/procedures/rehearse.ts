import type { ApprovablePlan, PlanRestoreInput } from '../../activities/plan-restore.ts';
import type { ErrorCode } from '../../model/errors.ts';
import type { PlanConduct } from './conduct.ts';

/** Whatever came out, the restore is refused: nobody needs to wait for it. */
const FINAL: readonly ErrorCode[] = [
  'TARGET_IDENTITY',
  'PLATFORM_UNSUPPORTED',
  'CLOCK_SKEW',
  'LOG_REFUSED',
  'LOG_FOREIGN_COMMAND',
];

/**
 * Plans a restore; with a log, it is tried in a throw-away Redis first, and planned again by what came out. What that has
 * left, kept or not, is gone when the operation has ended.
 */
export async function planRehearsed(
  conduct: PlanConduct,
  asked: PlanRestoreInput,
  { place, summary }: { place: string; summary: string },
): Promise<ApprovablePlan> {
  const { input, target } = asked;
  const draft = await conduct.act('planRestore', asked, { summary });
  const { plan } = draft;
  if (!plan.log || input.noRehearsal || plan.refusals.some(({ code }) => FINAL.includes(code))) return draft;
  conduct.enter('rehearse');
  conduct.afterwards('discardRehearsal', { instance: input.instance }, { place, summary: 'remove what the rehearsal has left' });
  const rehearsal = await conduct.act(
    'rehearse',
    { plan, target, keep: !input.planOnly },
    { place, summary: `load ${plan.backupId} and its log into a throw-away Redis, and count what comes out` },
  );
  return conduct.act('planRestore', { ...asked, rehearsal, drafted: plan }, { summary: `${summary}, by what came out` });
}
