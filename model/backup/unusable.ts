import type { ArchiveExtent } from '../archive/chain.ts';
import type { Timeline } from '../archive/timeline.ts';
import { formatBytes, formatTime } from '../format.ts';
import { timeOfBackupId } from '../instance.ts';

/**
 * Something of a repository that cannot be used: it is damaged, or it is not there though it must have been. What it held is
 * not known, so whoever asks for `latest` is told of it first.
 */
export interface Beyond {
  what: 'backup' | 'timeline' | 'segment' | 'hole' | 'gap' | 'restart' | 'clock';
  /** Name of the backup, or of the timeline. */
  id: string;
  /** Offsets of the timeline, as far as they are known. */
  from?: number;
  to?: number;
  /** When it was written, milliseconds since 1970, as far as its name, its neighbours or the store tell. */
  fromMs?: number;
  toMs?: number;
  /** Stored bytes that are there and cannot be read. */
  bytes?: number;
  /** What is wrong with it. */
  why: string;
}

/** A backup whose manifest cannot be used: its id alone says when it was taken. */
export function unusableBackup(backupId: string, why: string): Beyond {
  const atMs = timeOfBackupId(backupId);
  return { what: 'backup', id: backupId, fromMs: atMs, toMs: atMs, why };
}

/** The gaps that the timelines themselves tell of. */
export const gapsOf = (timelines: readonly Timeline[]): Beyond[] =>
  timelines.flatMap((timeline) => {
    const { timelineId, startedAt, parent, reason } = timeline;
    if (!parent?.gap) return [];
    const before = timelines.find((one) => one.timelineId === parent.timelineId);
    const [fromMs, toMs] = [Date.parse(parent.endedAt), Date.parse(startedAt)];
    const why =
      reason === 'hole'
        ? 'the store had lost a part of it, and a new base was taken'
        : `Redis could not go on where the log ended and sent all anew${before ? `: ${gapCause(timeline, before)}` : ''}`;
    return [{ what: 'gap', id: timelineId, fromMs, toMs, why }];
  });

/** Where Redis was restarted with nothing lost: what it wrote until its new base was taken has no moments. */
export const restartsOf = (timelines: readonly Timeline[]): Beyond[] =>
  timelines.flatMap(({ timelineId, startedAt, parent }) =>
    parent?.restartedAt === undefined
      ? []
      : [
          {
            ...({ what: 'restart', id: timelineId } as const),
            ...{ fromMs: Date.parse(parent.restartedAt), toMs: Date.parse(startedAt) },
            why: 'what it wrote until then is in the backup of that time as a whole',
          },
        ],
  );

/** Why a timeline could not go on where the one before it ended. */
function gapCause(timeline: Timeline, before: Timeline): string {
  if (timeline.replid === before.replid) return 'what came in between was no longer in its backlog';
  return timeline.server.runId === before.server.runId
    ? 'it has another history, as after a failover'
    : 'it was restarted, or another one stands in its place';
}

/** Stretches of the log that the store had before the time that they say they are of. */
export const clocksOf = (extents: readonly ArchiveExtent[]): Beyond[] =>
  extents.flatMap(({ timeline, stretches }) =>
    stretches.flatMap(({ from, end, firstAtMs, lastAtMs, storedAtMs }) =>
      storedAtMs === undefined
        ? []
        : [
            {
              ...({ what: 'clock', id: timeline.timelineId, from, to: end, fromMs: firstAtMs, toMs: lastAtMs } as const),
              why: `the store had all of it ${formatTime(storedAtMs, 'seconds')}: a clock was ahead, and no time in it is certain`,
            },
          ],
    ),
  );

/** What may hold newer data than a moment. Where no time is known, it may. */
export const newerThan = (all: readonly Beyond[], atMs: number): Beyond[] =>
  all.filter(({ toMs }) => toMs === undefined || toMs > atMs);

/** What may have been written in a stretch of time. */
export const unusableWithin = (all: readonly Beyond[], range: { fromMs: number; toMs: number }): Beyond[] =>
  all.filter(({ fromMs = range.fromMs, toMs = range.toMs }) => fromMs <= range.toMs && toMs >= range.fromMs);

/** One of them as a clause. */
export function beyondText(one: Beyond): string {
  const { what, id, from, to, bytes, why } = one;
  const stored = bytes === undefined ? '' : `, ${formatBytes(bytes)}`;
  if (what === 'backup') return `backup ${id}, taken ${formatTime(one.fromMs ?? 0)}, cannot be used: ${why}`;
  if (what === 'clock') return `the log (timeline ${id}) says that it is${periodOf(one).replace(',', '')}, and ${why}`;
  if (what === 'gap') return `the log has a gap${periodOf(one)}: ${why}`;
  if (what === 'restart')
    return `Redis was restarted at ${formatTime(one.fromMs ?? 0, 'seconds')} with nothing lost; the log goes on at ${formatTime(one.toMs ?? 0, 'seconds')}: ${why}`;
  if (what === 'timeline') return `timeline ${id} of the log${periodOf(one)}${stored}, cannot be read: ${why}`;
  const offsets = to === undefined ? `from offset ${from ?? 0} on` : `offsets ${from ?? 0} to ${to}`;
  const state = what === 'hole' ? 'are not in the repository' : 'cannot be read';
  return `${offsets} of the log (timeline ${id}${periodOf(one)}${stored}) ${state}: ${why}`;
}

function periodOf({ fromMs, toMs }: Beyond): string {
  if (fromMs === undefined && toMs === undefined) return '';
  if (toMs === undefined || fromMs === toMs) return `, from ${formatTime(fromMs ?? 0, 'seconds')} on`;
  if (fromMs === undefined) return `, until ${formatTime(toMs, 'seconds')}`;
  return `, from ${formatTime(fromMs, 'seconds')} until ${formatTime(toMs, 'seconds')}`;
}
