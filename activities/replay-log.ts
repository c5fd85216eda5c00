import type { PlannedLog } from '../model/plan.ts';
import { replayable } from '../redis/log/replayable.ts';
import { currentJob } from './job-context.ts';
import type { ProtectedInstance, World } from './world.ts';

/**
 * The planned stretch of the continuous log as a Redis can execute it behind its base: verified, cut exactly, and with no
 * command that is not known to be a write. Nothing of it may be used before its end.
 * @throws RecoveryError `ARCHIVE_GAP`, `ARCHIVE_CORRUPT`, `LOG_FOREIGN_COMMAND`, `LOG_MALFORMED`
 */
export async function* replayedLog(
  world: World,
  target: ProtectedInstance,
  shard: string,
  { ranges }: Pick<PlannedLog, 'ranges'>,
): AsyncGenerator<Buffer> {
  const { signal } = currentJob();
  const archive = await world.archive(target.name, shard);
  for (const { timelineId, from, to } of ranges) {
    if (from === to) continue;
    const { start, startState, body } = await archive.openRange(timelineId, from, to, { signal });
    yield* replayable(body, {
      state: startState,
      startOffset: start,
      from,
      until: to,
      renamed: target.archive?.renamedCommands,
      allowed: target.archive?.moduleCommands,
    });
  }
}
