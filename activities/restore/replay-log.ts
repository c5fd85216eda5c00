import type { LogNeeds } from '../../model/archive/log-needs.ts';
import type { PlannedLog } from '../../model/restore/plan/plan.ts';
import type { MomentFinder } from '../../redis/log/moments.ts';
import { replayable } from '../../redis/log/replayable.ts';
import { absoluteExpiries } from '../../redis/log/shift-expiries.ts';
import type { Archive } from '../../repository/archive/archive.ts';
import type { ArchiveSettings, Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';

/** What a server calls its commands, and which of its modules' commands are writes. */
export type LogCommands = Partial<Pick<ArchiveSettings, 'renamedCommands' | 'moduleCommands'>>;

export interface ReplayOptions {
  signal?: AbortSignal;
  /** Sees the log as it is stored. */
  finder?: MomentFinder;
  /** Told of each range what it asks of whoever executes it, when all of it went out. */
  onNeeds?: (needs: LogNeeds) => void;
}

/**
 * The planned stretch of the continuous log as a Redis can execute it behind its base: verified, cut exactly, and with no
 * command that is not known to be a write, and times to live as moments. Nothing of it may be used before its end.
 * @throws RecoveryError `ARCHIVE_GAP`, `ARCHIVE_CORRUPT`, `LOG_FOREIGN_COMMAND`, `LOG_MALFORMED`
 */
export async function* replayedRanges(
  archive: Archive,
  ranges: PlannedLog['ranges'],
  { renamedCommands, moduleCommands }: LogCommands,
  { signal, finder, onNeeds }: ReplayOptions = {},
): AsyncGenerator<Buffer> {
  for (const { timelineId, from, to } of ranges) {
    if (from === to) continue;
    const { start, startState, body, atMs, sinceMs } = await archive.openRange(timelineId, from, to, { signal });
    const seen = finder ? finder.watch(body, { timelineId, start, startState, from, to, atMs, sinceMs }) : body;
    const commands = replayable(seen, {
      state: startState,
      startOffset: start,
      from,
      until: to,
      renamed: renamedCommands,
      allowed: moduleCommands,
      onEnd: onNeeds,
    });
    yield* absoluteExpiries(commands, atMs);
  }
}

/** The same for an activity. */
export async function* replayedLog(
  deps: Dependencies,
  target: ProtectedInstance,
  { ranges }: Pick<PlannedLog, 'ranges'>,
  options: Omit<ReplayOptions, 'signal'> = {},
): AsyncGenerator<Buffer> {
  const { signal } = currentJob();
  const archive = await deps.archive(target);
  yield* replayedRanges(archive, ranges, target.archive ?? {}, { signal, ...options });
}
