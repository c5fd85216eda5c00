import type { RedisFacts } from '../health-report.ts';
import { signOf } from './log-signatures.ts';
import { startsEmpty } from './next-load.ts';
import type { DataObservations, Observations, PlatformObservations } from './observations.ts';
import { replicasWithData } from './replicas.ts';

type Rdb = NonNullable<DataObservations['rdb']>;

/** A primary sends its replicas a PING of this size every ten seconds, unless `repl-ping-replica-period` says otherwise. */
const PING = { bytes: 14, everySeconds: 10 };
/** Between the save of a Redis that ends in order and its last line. */
const SAVED_AT_END_MS = 5_000;

/** The next start loads an RDB, and these replicas have writes that came after it: a full resync would take them away. */
export function olderThanReplicas(
  seen: Observations,
): { savedAt: string; ahead: ReturnType<typeof replicasWithData> } | undefined {
  const { platform, nowMs } = seen;
  const { data } = platform ?? {};
  const rdb = data?.rdb;
  if (!platform || !data || !rdb || data.appendonly || startsEmpty(data)) return undefined;
  const ahead = seen.replicas.filter(({ look: { facts } }) => facts && isAhead(facts, rdb, platform, nowMs));
  return ahead.length > 0 ? { savedAt: rdb.modifiedAt, ahead: replicasWithData({ replicas: ahead }) } : undefined;
}

/** By offset where both are of one history; else all but the RDB that a Redis saves as it ends is taken to be older. */
function isAhead(facts: RedisFacts, rdb: Rdb, platform: PlatformObservations, nowMs: number): boolean {
  const { replid, replid2, replOffset, keys, primaryGoneSeconds = 0 } = facts;
  if (keys === 0) return false;
  const isSameHistory = rdb.replid !== undefined && [replid, replid2].includes(rdb.replid);
  if (!isSameHistory || rdb.replOffset === undefined) return !savedAtItsEnd(rdb, platform);
  const seconds = Math.max(0, (nowMs - Date.parse(rdb.modifiedAt)) / 1000 - primaryGoneSeconds);
  return replOffset - rdb.replOffset > PING.bytes * (1 + seconds / PING.everySeconds);
}

function savedAtItsEnd({ modifiedAt }: Rdb, { run, end, files }: PlatformObservations): boolean {
  const endedAt = end?.at ?? files?.loggedAt;
  if (signOf(run, 'orderly-end') === undefined || endedAt === undefined) return false;
  return Date.parse(modifiedAt) >= Date.parse(endedAt) - SAVED_AT_END_MS;
}
