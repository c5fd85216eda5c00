import type { InstanceShard } from '../../config/config.ts';
import type { SnapshotManifest, SnapshotMethod } from '../../model/backup/manifest.ts';
import { hasCode, RecoveryError } from '../../model/errors.ts';
import { formatDuration, formatTime } from '../../model/format.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import type { CheckContext } from './finding.ts';

/** What a backup cannot be taken without, and nothing harmless shows. */
const USED: Readonly<Record<SnapshotMethod, readonly string[]>> = { replication: ['+psync'], bgsave: ['+bgsave'], import: [] };

/** By which use a rule is known to be permitted: a clause, by rule. */
export type ProvenRights = ReadonlyMap<string, string>;

/**
 * What backups by the same user, of the process that runs now, have proven. One that was started anew may have other users. A
 * repository that cannot be read proves nothing, and is told by its own check.
 */
export async function provenByUse(
  client: RedisClient,
  { name, shard, redis }: InstanceShard,
  { repository, now }: CheckContext,
): Promise<ProvenRights> {
  const runId = await runIdOf(client);
  if (runId === undefined) return new Map();
  const user = redis.username ?? 'default';
  const proven = new Map<string, string>();
  for (const one of await listedOf(repository, { instance: name, shard })) {
    if (one.takenAs !== user || one.server.runId !== runId) continue;
    for (const rule of USED[one.method]) proven.set(rule, proofOf(one, now())); // the newest comes last
  }
  return proven;
}

/** Undefined: it may not be asked. */
async function runIdOf(client: RedisClient): Promise<string | undefined> {
  try {
    return (await client.info('server')).get('run_id');
  } catch (error) {
    if (hasCode(error, 'REDIS_PERMISSION_DENIED', 'REDIS_REFUSED')) return undefined;
    throw error;
  }
}

function proofOf({ backupId, times }: SnapshotManifest, nowMs: number): string {
  const atMs = Date.parse(times.takenAt);
  return `backup ${backupId} was taken by it ${formatTime(atMs, 'seconds')}, ${formatDuration(nowMs - atMs)} ago`;
}

async function listedOf(
  repository: CheckContext['repository'],
  of: { instance: string; shard: string },
): Promise<SnapshotManifest[]> {
  try {
    return await (await repository()).snapshots(of).list();
  } catch (error) {
    if (!(error instanceof RecoveryError)) throw error;
    return [];
  }
}
