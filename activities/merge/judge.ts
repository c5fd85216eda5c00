import { createHash } from 'node:crypto';
import { roomRefusals } from '../../model/merge/free-memory.ts';
import { keysLostByLog, lostByLog, mergeLossRefusal, mergeLossSource } from '../../model/merge/loss.ts';
import type { MergeLoss, MergePlan, MergeRehearsal } from '../../model/merge/merge.ts';
import { isAccepted, lossToken } from '../../model/restore/plan/accepted-loss.ts';
import type { PlannedMoment, Refusal } from '../../model/restore/plan/types.ts';
import { doubtRefusal } from '../../model/restore/target-doubt.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { plannedMoment } from '../restore/plan-log.ts';
import { doubtTarget } from '../restore/target-identity.ts';

/** What forbids a merge, after its copy was compared with the living Redis. */
export async function judge(
  deps: Dependencies,
  plan: MergePlan,
  rehearsal: MergeRehearsal,
  { target, to }: { target: ProtectedInstance; to: RedisClient },
): Promise<{ refusals: Refusal[]; moments: PlannedMoment[]; loss?: MergeLoss }> {
  const { doubts } = await doubtTarget(deps, target, to); // on its own machine, where more can be told
  const doubt = { doubts: [...new Set([...plan.targetDoubts, ...doubts])], alsoOf: [] };
  const wrong = doubtRefusal(plan.name, doubt, plan.intoAnother);
  const identity = wrong ? [wrong] : [];
  const room = roomRefusals(plan.name, rehearsal.needs);
  const moments = await momentsOf(deps, plan);
  const classes = lostByLog(plan, rehearsal, moments);
  if (classes.length === 0) return { refusals: [...identity, ...room], moments };
  const digest = digestOf(mergeLossSource(plan, { classes, moments }));
  const keys = keysLostByLog(plan, rehearsal, classes);
  const accepted = isAccepted(plan.acceptLoss, digest, keys);
  const loss: MergeLoss = { classes, moments, digest: lossToken(digest, keys), accepted };
  const refusal = mergeLossRefusal(plan, loss, rehearsal);
  return { refusals: [...identity, ...(refusal ? [refusal] : []), ...room], moments, loss };
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** What takes much at once, in the stretches that are replayed. */
async function momentsOf(deps: Dependencies, { takenAt, log, ...of }: MergePlan): Promise<PlannedMoment[]> {
  if (!log) return [];
  const { signal } = currentJob();
  const archive = await deps.archive(of);
  const range = { fromMs: Date.parse(takenAt) - CLOCKS_APART_MS, toMs: log.untilMs };
  const { found } = await archive.destructive(await archive.extents({ signal }), range, signal);
  return found
    .filter(({ timelineId, before }) =>
      log.ranges.some((one) => one.timelineId === timelineId && one.from <= before && before < one.to),
    )
    .map(plannedMoment);
}

/** The worker that took the backup, and the archiver, may be on two machines. What is before the backup is no part of a range. */
const CLOCKS_APART_MS = 60_000;
