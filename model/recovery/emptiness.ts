import { formatBytes, formatCount, formatCountOf } from '../format.ts';
import type { RedisFacts } from '../health-report.ts';
import { answered } from './evidence.ts';
import type { DataObservations, Observations } from './observations.ts';
import type { Situation } from './situation.ts';

/** A smaller dump.rdb holds nothing worth a word: an empty one has about 90 bytes. */
const SMALLEST_RDB_BYTES = 200;
/** Someone may have signed in since it came up empty: what is left is this share of the backup at most. */
const MOSTLY_GONE = 0.1;
const DAY_SECONDS = 86_400;

/** A primary that serves, by its own words. */
export function servingPrimary(situation: Situation): RedisFacts | undefined {
  const facts = answered(situation, 'serves')?.facts;
  return facts?.role === 'slave' ? undefined : facts;
}

/** One that serves and came up with next to nothing; whether it should have had more is another question. */
export function cameUpEmpty(situation: Situation): { facts: RedisFacts; text: string } | undefined {
  const facts = servingPrimary(situation);
  if (!facts || !looksEmpty(situation.seen, facts)) return undefined;
  const { keys } = facts;
  const text = keys === 0 ? 'Redis serves and has no key.' : `Redis came up with no key and has ${formatCount(keys)} since.`;
  return { facts, text };
}

function looksEmpty({ stored }: Observations, { keys, keysLoaded, uptimeSeconds }: RedisFacts): boolean {
  if (keys === 0) return true;
  const before = stored.backup?.rdb.keys ?? 0;
  // A log without a base that is an RDB loads keys and counts none, so the count of the load alone proves nothing.
  return keysLoaded === 0 && uptimeSeconds < DAY_SECONDS && keys < before * MOSTLY_GONE;
}

export function ignoredLog(data: DataObservations | undefined): string | undefined {
  const aof = data?.appendonly ? data.aof : undefined;
  if (!aof || aof.orphans.length === 0) return undefined;
  const files = `${formatCountOf(aof.orphans.length, 'file')} of its append-only directory, ${formatBytes(aof.orphanBytes)}, are not in its manifest`;
  return `${files}: ${aof.orphans.slice(0, 3).join(', ')}.`;
}

export function ignoredRdb(
  data: DataObservations | undefined,
  { appendonly, uptimeSeconds }: RedisFacts,
  nowMs: number,
): string | undefined {
  const rdb = data?.rdb;
  if (!rdb || !appendonly || rdb.bytes < SMALLEST_RDB_BYTES) return undefined;
  // Written by this very process, it is not what the process ignored.
  if (Date.parse(rdb.modifiedAt) > nowMs - uptimeSeconds * 1000 + 1000) return undefined;
  return `It runs with appendonly yes, so it ignored its dump.rdb of ${formatBytes(rdb.bytes)} from ${rdb.modifiedAt}.`;
}

/** Where data is that it should have. */
export function dataElsewhere({ stored, replicas }: Observations): string | undefined {
  const replica = replicas.find(({ look }) => (look.facts?.keys ?? 0) > 0);
  if (replica) return `Its replica ${replica.address} has ${formatCountOf(replica.look.facts?.keys ?? 0, 'key')}.`;
  const { backup } = stored;
  if (!backup || (backup.rdb.parsed && backup.rdb.keys === 0)) return undefined;
  return `Backup ${backup.backupId} has ${formatCountOf(backup.rdb.keys, 'key')}.`;
}

export function restartedSinceBackup({ stored }: Observations, { runId }: RedisFacts): string | undefined {
  if (!stored.backup) return undefined;
  return stored.backup.server.runId === runId
    ? 'It is the same process as at that backup: its keys were deleted, not lost by a restart.'
    : 'It was restarted since that backup.';
}
