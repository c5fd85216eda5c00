import { formatBytes, formatCount, formatCountOf } from '../format.ts';
import type { RedisFacts } from '../redis-look.ts';
import { movedAway } from './end-evidence.ts';
import { type Found, found } from './found.ts';
import type { DataSigns, Signs } from './observations.ts';

/** A smaller dump.rdb holds nothing worth a word: an empty one has about 90 bytes. */
const SMALLEST_RDB_BYTES = 200;
/** Someone may have signed in since it came up empty: what is left is this share of the backup at most. */
const MOSTLY_GONE = 0.1;
const DAY_SECONDS = 86_400;

/** A Redis that serves and has not the data that it should have; undefined if that can't be said. */
export function emptinessOf(signs: Signs, facts: RedisFacts): Found | undefined {
  if (facts.role === 'slave') return undefined;
  const { data } = signs.place ?? {};
  const moved = movedAway(data, signs.nowMs);
  if (moved)
    return { ...moved, evidence: [...moved.evidence, `Redis runs without it, and has ${formatCountOf(facts.keys, 'key')}.`] };
  if (!looksEmpty(signs, facts)) return undefined;
  const keys =
    facts.keys === 0 ? 'Redis serves and has no key.' : `Redis came up with no key and has ${formatCount(facts.keys)} since.`;
  const aof = data?.appendonly ? data.aof : undefined;
  if (aof && aof.orphans.length > 0) {
    const files = `${formatCountOf(aof.orphans.length, 'file')} of its append-only directory, ${formatBytes(aof.orphanBytes)}, are not in its manifest`;
    return found('aof-manifest-lost', [`${files}: ${aof.orphans.slice(0, 3).join(', ')}.`, keys]);
  }
  const ignored = ignoredRdb(data, facts, signs.nowMs);
  if (ignored) return found('rdb-ignored', [ignored, keys], [signs.place ? ADVICE_OF_KEPT : ADVICE_OF_IGNORED]);
  const other = otherData(signs);
  return other === undefined ? undefined : found('empty', [keys, other, runOf(signs, facts)]);
}

const ADVICE_OF_IGNORED =
  'Do not restart it, and copy dump.rdb to a safe place: Redis overwrites it at its next save or stop, `CONFIG SET save ""` puts that off.';

const ADVICE_OF_KEPT =
  'What its old dump.rdb holds is not loaded: `redis-backup import` makes a backup of the copy that was kept, which can then be restored.';

function looksEmpty({ stored }: Signs, { keys, keysLoaded, uptimeSeconds }: RedisFacts): boolean {
  if (keys === 0) return true;
  const before = stored.backup?.rdb.keys ?? 0;
  // A log without a base that is an RDB loads keys and counts none, so the count of the load alone proves nothing.
  return keysLoaded === 0 && uptimeSeconds < DAY_SECONDS && keys < before * MOSTLY_GONE;
}

function ignoredRdb(data: DataSigns | undefined, { appendonly, uptimeSeconds }: RedisFacts, nowMs: number): string | undefined {
  const rdb = data?.rdb;
  if (!rdb || !appendonly || rdb.bytes < SMALLEST_RDB_BYTES) return undefined;
  // Written by this very process, it is not what the process ignored.
  if (Date.parse(rdb.modifiedAt) > nowMs - uptimeSeconds * 1000 + 1000) return undefined;
  return `It runs with appendonly yes, so it ignored its dump.rdb of ${formatBytes(rdb.bytes)} from ${rdb.modifiedAt}.`;
}

function otherData({ stored, replicas }: Signs): string | undefined {
  const replica = replicas.find(({ look }) => (look.facts?.keys ?? 0) > 0);
  if (replica) return `Its replica ${replica.address} has ${formatCountOf(replica.look.facts?.keys ?? 0, 'key')}.`;
  const { backup } = stored;
  if (!backup || (backup.rdb.parsed && backup.rdb.keys === 0)) return undefined;
  return `Backup ${backup.backupId} has ${formatCountOf(backup.rdb.keys, 'key')}.`;
}

function runOf({ stored }: Signs, { runId }: RedisFacts): string | undefined {
  if (!stored.backup) return undefined;
  return stored.backup.server.runId === runId
    ? 'It is the same process as at that backup: its keys were deleted, not lost by a restart.'
    : 'It was restarted since that backup.';
}
