import type { Rpo } from '../../model/archive/archiving.ts';
import { formatDuration, formatList, formatTime } from '../../model/format.ts';
import type { Progress } from '../job-context.ts';

/** How a stay stands in this second. */
export interface FollowState {
  stored: { offset: number; atMs: number };
  /** Offsets where the timeline begins, and up to which all has come. */
  first: number;
  received: number;
  nowMs: number;
  /** When the oldest write came that is not stored. */
  oldestAtMs: number | undefined;
  /** How long nothing has come, where Redis should have pinged. */
  silentMs: number | undefined;
  foreign: readonly string[];
  storeError: string | undefined;
  /** What the store had lost before. */
  hole: string | undefined;
}

/** What the heartbeat shows, and what the workflow is told. */
export function followReport(state: FollowState): { rpo: Omit<Rpo, 'asOf'>; progress: Progress } {
  const { stored, first, received, nowMs, oldestAtMs, silentMs, foreign, storeError, hole } = state;
  const lagMs = Math.max(silentMs ?? 0, oldestAtMs === undefined ? 0 : nowMs - oldestAtMs);
  const notes = [
    `stored up to offset ${stored.offset}, which came at ${formatTime(stored.atMs, 'seconds')}`,
    ...(silentMs !== undefined
      ? [`nothing heard from Redis for ${formatDuration(silentMs)}: whether it was written to is not known`]
      : lagMs > 0
        ? [`the oldest unstored write is ${formatDuration(lagMs)} old`]
        : []),
    ...(foreign.length > 0 ? [`no restore goes beyond what nobody replays: ${formatList([...foreign])}`] : []),
    ...(storeError ? [storeError] : []),
    ...(hole === undefined ? [] : [`the store had lost a part of the log, and a new base was taken: ${hole}`]),
  ];
  return {
    rpo: {
      seconds: lagMs / 1000,
      storedUpTo: new Date(stored.atMs).toISOString(),
      ...(foreign.length > 0 ? { foreign: [...foreign] } : {}),
      ...(silentMs !== undefined ? { silentSince: new Date(nowMs - silentMs).toISOString() } : {}),
      ...(hole === undefined ? {} : { hole }),
    },
    progress: {
      stage: 'follow',
      storedBytes: stored.offset - first,
      doneBytes: received - first,
      rpoSeconds: lagMs / 1000,
      holes: hole === undefined ? 0 : 1,
      note: notes.join(', '),
    },
  };
}
