import { FUNCTIONS } from '../data-class.ts';
import { formatCount, formatCountOf, formatTime } from '../format.ts';
import { mergeCommand } from './commands.ts';
import { maxmemoryFor, unknownRoom } from './free-memory.ts';
import { mergeMomentWarnings } from './loss.ts';
import type { MergedKeys, MergedReport, MergeOutcome, MergePlan } from './merge.ts';

/** So few, or this part of them, may have been deleted by the applications themselves while keys came back. */
const FEW = 2;
const FEW_SHARE = 0.01;

/** A merge that has ended. */
export function reportOfMerge(plan: MergePlan, outcome: MergeOutcome): MergedReport {
  const { name: instance, backupId, takenAt, log } = plan;
  const last = log?.ranges.at(-1);
  const toDo = mergeToDo(plan, outcome);
  return {
    outcome: toDo.length > 0 ? 'incomplete' : 'merged',
    instance,
    backupId,
    at: log ? new Date(log.untilMs).toISOString() : takenAt,
    ...(log && last ? { log: { timelineId: last.timelineId, offset: last.to, bytes: log.bytes } } : {}),
    classes: outcome.classes,
    evicted: outcome.evicted,
    toDo,
    warnings: [
      ...plan.warnings,
      ...unknownRoom(instance, outcome.needs),
      ...mergeMomentWarnings(plan, outcome.moments),
      ...outcome.classes.flatMap(deletedMeanwhile),
    ],
  };
}

/** What a person has to do about keys that do not stand, one sentence each. Empty: what was promised is there. */
export function mergeToDo(plan: MergePlan, outcome: MergeOutcome): string[] {
  const { classes, evicted, stopped, needs } = outcome;
  const short = classes.filter(isShort);
  if (short.length === 0 && evicted === 0) return [];
  const missing = short.map(
    ({ name, promised, standing }) => `${formatCount(promised - standing)} of ${formatCount(promised)} ${name} are missing`,
  );
  const reasons = short.flatMap(({ reasons }) => reasons.map(({ reason, keys }) => `${formatCount(keys)} failed: ${reason}`));
  const pushedOut = evicted > 0 ? [`Redis evicted ${formatCountOf(evicted, 'key')} meanwhile`] : [];
  const why = [...(stopped === undefined ? [] : [`it was stopped: ${stopped}`]), ...pushedOut, ...reasons];
  const isFull = evicted > 0 || /maxmemory|OOM/.test(stopped ?? '');
  const room = isFull ? `set maxmemory to at least ${formatCount(maxmemoryFor(needs.room, needs.memoryBytes))} bytes, then ` : '';
  return [`${[...missing, ...why].join('; ')}. To bring them back: ${room}\`${mergeCommand(plan)}\`, which keeps what is there`];
}

function isShort({ name, failed, promised, standing }: MergedKeys): boolean {
  const missing = promised - standing;
  return failed > 0 || missing > (name === FUNCTIONS ? 0 : Math.max(FEW, FEW_SHARE * promised));
}

/** Somebody has signed out, or their session has ended: no fault, and said all the same. */
function deletedMeanwhile(merged: MergedKeys): string[] {
  const { name, promised, standing } = merged;
  if (isShort(merged) || standing >= promised) return [];
  return [`${formatCountOf(promised - standing, 'key')} of ${name} ended or were deleted by others meanwhile`];
}

/** As of when the keys are. */
export const mergeMoment = ({ log, takenAt }: Pick<MergePlan, 'log' | 'takenAt'>): string =>
  formatTime(log?.untilMs ?? Date.parse(takenAt), 'seconds');
