import { RecoveryError } from '../../model/errors.ts';
import type { RecentSessions } from '../../model/recovery/data-facts.ts';
import type { PlannedLog } from '../../model/restore/plan/plan.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { countMissing } from '../../redis/keys/look-up-keys.ts';
import { recentKeys } from '../../redis/log/recent-keys.ts';
import { KeyClasses } from '../../redis/rdb/key-classes.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';

/** So much of the log's end is read: some ten thousand writes. */
export const TAIL_BYTES = 4 * 1024 * 1024;
const MOST_KEYS = 1000;
/** What expires within this time is not missed if it is gone. */
const MARGIN_MS = 60_000;

/**
 * Looks up the sessions that the log wrote last. A backup cannot know them, and they are what a Redis that came back with older
 * data lacks first. Undefined: the log, or the permissions of our user, do not tell.
 */
export async function lookUpRecent(
  deps: Dependencies,
  target: ProtectedInstance,
  client: RedisClient,
  log: PlannedLog,
  nowMs: number,
): Promise<RecentSessions | undefined> {
  const { signal, progress } = currentJob();
  const last = log.ranges.at(-1);
  const index = target.classes.findIndex(({ name }) => name === target.recovery.sessionClass);
  if (!last || last.from === last.to || index < 0) return undefined;
  progress({ stage: 'data', note: 'looking for the sessions that the log has last' });
  try {
    const from = Math.max(last.from, last.to - TAIL_BYTES);
    const archive = await deps.archive(target);
    const { start, startState, body } = await archive.openRange(last.timelineId, from, last.to, { signal });
    const classes = new KeyClasses(target.classes);
    const { keys, written } = await recentKeys(body, {
      state: startState,
      startOffset: start,
      from,
      renamed: target.archive?.renamedCommands ?? {},
      wanted: (key) => classes.classOf(key, 0, key.length, true) === index,
      most: MOST_KEYS,
      aliveAtMs: nowMs + MARGIN_MS,
    });
    const missing = await countMissing(client, keys, signal);
    const share = log.bytes / Math.max(1, last.to - from);
    return { looked: keys.length, missing, writtenAtMost: Math.ceil(written * Math.max(1, share)) };
  } catch (error) {
    if (error instanceof RecoveryError && NOT_TOLD.has(error.code)) return undefined;
    throw error;
  }
}

const NOT_TOLD: ReadonlySet<string> = new Set([
  'ARCHIVE_GAP',
  'ARCHIVE_CORRUPT',
  'LOG_MALFORMED',
  'REDIS_PERMISSION_DENIED',
  'REDIS_REFUSED',
]);
