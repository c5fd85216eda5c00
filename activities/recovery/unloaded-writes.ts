import { OTHER } from '../../model/data-class.ts';
import { hasCode } from '../../model/errors.ts';
import type { UnloadedWrites } from '../../model/recovery/data-facts.ts';
import type { PlannedLog } from '../../model/restore/plan/plan.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { recentKeys } from '../../redis/log/recent-keys.ts';
import { WRITE_COMMANDS } from '../../redis/log/write-commands.ts';
import { KeyClasses } from '../../redis/rdb/key-classes.ts';
import { secondReplid } from '../../redis/roles.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { TAIL_BYTES } from './recent-sessions.ts';

/**
 * Writes of the log that what Redis has loaded does not have: those of an RDB that is older than the log's end. Redis names the history and the
 * offset that it has loaded as its second replication id (since 7.0, of a primary that loads an RDB: server.c, loadDataFromDisk).
 * Undefined: there are none, or it cannot be told.
 */
export async function unloadedWrites(
  deps: Dependencies,
  target: ProtectedInstance,
  client: RedisClient,
  log: PlannedLog,
): Promise<UnloadedWrites | undefined> {
  const last = log.ranges.at(-1);
  const loaded = await loadedOffset(client);
  if (!last || !loaded || !last.timelineId.startsWith(`${loaded.replid}-`) || loaded.offset >= last.to) return undefined;
  currentJob().progress({ stage: 'data', note: 'looking for writes of the log that Redis has not loaded' });
  const { timelineId, to } = last;
  const count = (from: number) => countWrites(deps, target, { timelineId, from: Math.max(from, to - TAIL_BYTES), to });
  // What is replayed may begin with a base that is newer than what was loaded: the log before that tells more, where there is any.
  const writes = (await count(loaded.offset)) ?? (await count(last.from)) ?? 0;
  return writes === 0 ? undefined : { atLeast: writes, bytes: to - loaded.offset, until: log.until, untilMs: log.untilMs };
}

/** Undefined: that part of the log is not there, or cannot be read. */
async function countWrites(
  deps: Dependencies,
  target: ProtectedInstance,
  { timelineId, from, to }: { timelineId: string; from: number; to: number },
): Promise<number | undefined> {
  const isWanted = wantedKeys(target);
  let writes = 0;
  try {
    const archive = await deps.archive(target);
    const { start, startState, body } = await archive.openRange(timelineId, from, to, { signal: currentJob().signal });
    await recentKeys(body, {
      state: startState,
      startOffset: start,
      from,
      renamed: target.archive?.renamedCommands ?? {},
      wanted(key, command) {
        if (command !== 'SELECT' && WRITE_COMMANDS.has(command) && isWanted(key)) writes += 1;
        return false;
      },
      most: 1,
      aliveAtMs: 0,
    });
    return writes;
  } catch (error) {
    if (hasCode(error, 'ARCHIVE_GAP', 'ARCHIVE_CORRUPT', 'LOG_MALFORMED')) return undefined;
    throw error;
  }
}

async function loadedOffset(client: RedisClient): Promise<{ replid: string; offset: number } | undefined> {
  const info = await client.info('replication');
  const [replid, behindIt] = [secondReplid(info), info.number('second_repl_offset')];
  return replid === undefined || behindIt === undefined ? undefined : { replid, offset: behindIt - 1 };
}

/** Of a cache nobody misses the last writes. */
function wantedKeys({ classes, recovery }: ProtectedInstance): (key: Buffer) => boolean {
  const known = new KeyClasses(classes);
  const wanted = new Set(recovery.restoreClasses);
  return (key) => wanted.has(classes[known.classOf(key, 0, key.length, true)]?.name ?? OTHER);
}
