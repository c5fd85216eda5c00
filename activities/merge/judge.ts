import { createHash } from 'node:crypto';
import type { MergePlan, MergeRehearsal } from '../../model/merge.ts';
import { lostByLog, type MergeLoss, mergeLossRefusal, mergeLossSource } from '../../model/merge-loss.ts';
import { roomRefusals } from '../../model/merge-room.ts';
import type { PlannedMoment, Refusal } from '../../model/plan-types.ts';
import { formatOffset } from '../../model/until.ts';
import { currentJob } from '../job-context.ts';
import type { World } from '../world.ts';

/** What forbids a merge, after its copy was compared with the living Redis. */
export async function judge(
  world: World,
  plan: MergePlan,
  rehearsal: MergeRehearsal,
): Promise<{ refusals: Refusal[]; moments: PlannedMoment[]; loss?: MergeLoss }> {
  const refusals = roomRefusals(plan.instance, rehearsal.needs);
  const moments = await momentsOf(world, plan);
  const classes = lostByLog(plan, rehearsal, moments);
  if (classes.length === 0) return { refusals, moments };
  const digest = digestOf(mergeLossSource(plan, { classes, moments }));
  const loss: MergeLoss = { classes, moments, digest, accepted: plan.acceptLoss === digest };
  const refusal = mergeLossRefusal(plan, loss, rehearsal);
  return { refusals: [...(refusal ? [refusal] : []), ...refusals], moments, loss };
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** What takes much at once, in the stretches that are replayed. */
async function momentsOf(world: World, { instance, shard, takenAt, log }: MergePlan): Promise<PlannedMoment[]> {
  if (!log) return [];
  const { signal } = currentJob();
  const archive = await world.archive(instance, shard);
  const range = { fromMs: Date.parse(takenAt) - CLOCKS_APART_MS, toMs: log.untilMs };
  const { found } = await archive.destructive(await archive.extents(signal), range, signal);
  return found
    .filter(({ timelineId, before }) =>
      log.ranges.some((one) => one.timelineId === timelineId && one.from <= before && before < one.to),
    )
    .map(({ timelineId, before, atMs, command, db, keys }) => ({
      atMs,
      command,
      db,
      until: formatOffset(timelineId, before),
      ...(keys === undefined ? {} : { named: keys }),
    }));
}

/** The worker that took the backup, and the archiver, may be on two machines. What is before the backup is no part of a range. */
const CLOCKS_APART_MS = 60_000;
