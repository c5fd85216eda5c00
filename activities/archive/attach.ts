import { setTimeout as sleep } from 'node:timers/promises';
import type { LineEnd } from '../../model/archive/restart-proof.ts';
import { STREAM_BEGIN, type StreamState } from '../../model/archive/stream-state.ts';
import { ARCHIVE_FORMAT_VERSION, type ParentTimeline, type Timeline, type TimelineReason } from '../../model/archive/timeline.ts';
import { RecoveryError } from '../../model/errors.ts';
import type { ShardRef } from '../../model/shard.ts';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import { type Follower, openFollower } from '../../redis/replication/follow.ts';
import { type PingPeriod, readPingPeriod } from '../../redis/replication/ping-period.ts';
import { predictResync } from '../../redis/replication/predict-resync.ts';
import { readServerFacts } from '../../redis/server-facts.ts';
import type { Archive } from '../../repository/archive/archive.ts';
import { timelineIdOf } from '../../repository/layout.ts';
import { storeRdb } from '../backup/store-rdb.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { claimRepository } from '../owner.ts';
import { type ArchiveEnd, endOf } from './archive-end.ts';
import { LATE_MS, type Late } from './lateness.ts';
import { restartWithoutLoss } from './restart.ts';

/** The place where the archive of an instance goes on, and the connection that brings what comes next. */
export interface Attached {
  timeline: Timeline;
  follower: Follower;
  /** Everything up to here is stored. */
  offset: number;
  state: StreamState;
  lastAtMs: number;
  pings: PingPeriod;
  /** Of the Redis, as it counts itself. */
  pid?: number;
  /** What was written while nobody followed. */
  late?: Late;
}

type Begun = Omit<Attached, 'pings' | 'pid' | 'late'>;

const LOOK_EVERY_MS = 1_000;
/** A line that swallows everything is to be dialled again soon; a Redis that is only slow, too. */
const DIAL_MS = 10_000;

/**
 * Goes on at the last stored byte. Where Redis can't (its backlog is overrun, it has a new history), a new timeline is opened
 * with a base of its own, and the gap stands in it. Safe to repeat: nothing that is stored changes.
 * @param hole - what the store has lost: a new base is asked for, though Redis could go on
 * @param line - how the last stay ended
 */
export async function attach(
  deps: Dependencies,
  target: ProtectedInstance,
  archive: Archive,
  { hole, line }: { hole?: string | undefined; line?: LineEnd | undefined },
): Promise<Attached> {
  const { progress } = currentJob();
  const signal = AbortSignal.any([currentJob().signal, deps.draining]);
  using client = await openRedis(target.connection, { commandTimeoutMs: DIAL_MS });
  await (await deps.repository()).requireFence(deps.now());
  await claimRepository(deps, target, client);
  const end = await endOf(deps, target, archive, client);
  if (hole !== undefined) progress({ stage: 'attach', holes: 1, note: `a new base is taken: ${hole}` });
  await untilWorthFollowing(target, client, hole === undefined ? end : undefined, signal);
  const pings = await readPingPeriod(client);
  const follower = await openFollower(target.connection, {
    signal,
    lends: true, // of the snapshot; the compressor copies them
    lendsStream: true, // what is acknowledged is stored
    streamSilenceMs: pings.deadAfterMs,
    ...(end && hole === undefined ? { resume: { replid: end.replid, offset: end.offset } } : {}),
    onWaiting: (note) => progress({ stage: 'attach', note }),
  });
  try {
    const begun = await begin(deps, target, archive, { client, follower, end, hole, line });
    const pid = (await client.info('server')).number('process_id');
    return { ...begun, pings, ...(pid ? { pid } : {}), ...(await lateAt(deps, client, begun.lastAtMs)) };
  } catch (error) {
    follower.close();
    throw error;
  }
}

/** Where the archiver comes from. */
interface Coming {
  client: RedisClient;
  end: ArchiveEnd | undefined;
  hole: string | undefined;
  line: LineEnd | undefined;
}

/** Goes on where the archive ends, in the same timeline or in another, or with a new base. */
async function begin(
  deps: Dependencies,
  target: ProtectedInstance,
  archive: Archive,
  at: Coming & { follower: Follower },
): Promise<Begun> {
  const { follower, end } = at;
  if (follower.kind === 'full') return beginAnew(deps, target, archive, { ...at, follower });
  if (!end) throw new Error('Redis went on where nothing was asked for');
  if (end.timeline && end.replid === follower.replid && !end.blocked) return { ...end, timeline: end.timeline, follower };
  if (!end.timeline && end.replid !== follower.replid) throw changedMeanwhile(target.name);
  const reason = end.timeline ? 'continued' : 'first';
  return { ...end, timeline: await openTimeline(deps, target, archive, { ...at, reason, at: follower }), follower };
}

/** What Redis has written since the last byte that the archive has, or since the fork of its base. */
async function lateAt(deps: Dependencies, client: RedisClient, sinceMs: number): Promise<{ late?: Late }> {
  if (deps.now() - sinceMs <= LATE_MS) return {};
  const to = (await client.info('replication')).number('master_repl_offset');
  return { late: { to: to ?? Number.POSITIVE_INFINITY, sinceMs } };
}

/**
 * Waits while a full resynchronization would be harmful: from a Redis that loads, that has only just started (a fork and a
 * full transfer in the middle of its busiest minute), or that is empty (it may have crashed to empty: no base).
 */
async function untilWorthFollowing(
  target: ProtectedInstance,
  client: RedisClient,
  end: ArchiveEnd | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { progress } = currentJob();
  for (;;) {
    const info = await client.info();
    const seconds = info.number('uptime_in_seconds') ?? 0;
    const keys = info.keyspace().reduce((sum, one) => sum + one.keys, 0);
    const why = info.flag('loading')
      ? 'Redis is loading'
      : predictResync(info, end) === 'partial'
        ? undefined
        : keys === 0
          ? 'Redis is empty, and an empty Redis is no base'
          : seconds * 1000 < (target.archive?.restartDelayMs ?? 0)
            ? `Redis started ${seconds} s ago; a new base is taken when it has served for ${(target.archive?.restartDelayMs ?? 0) / 1000} s`
            : undefined;
    if (why === undefined) return;
    progress({ stage: 'attach', note: `waiting: ${why}` });
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** Retried: the next attempt looks at it anew. */
const changedMeanwhile = (instance: string): RecoveryError =>
  new RecoveryError(
    'REDIS_NOT_READY',
    `${instance} became another one while the archiver came: it has restarted or failed over`,
    {
      next: 'Nothing: the archiver looks again.',
    },
  );

interface Opening extends Pick<Coming, 'client' | 'end'> {
  reason: TimelineReason;
  restartedAtMs?: number | undefined;
  at: { replid: string; offset: number };
}

/** Stores the RDB that Redis sends as an ordinary snapshot: the base of the timeline that begins behind it. */
async function beginAnew(
  deps: Dependencies,
  target: ProtectedInstance,
  archive: Archive,
  { client, follower, end, hole, line }: Coming & { follower: Follower & { kind: 'full' } },
): Promise<Begun> {
  const isItsEnd = end?.timeline?.timelineId === line?.timelineId && end?.offset === line?.offset && !end?.blocked;
  const restartedAtMs = line && isItsEnd && hole === undefined ? await restartWithoutLoss(target, client, line) : undefined;
  const takenAtMs = deps.now();
  const server = await readServerFacts(client);
  const clockOffsetMs = Math.round((await client.time()) - deps.now());
  const { replid, offset, rdb } = follower;
  const source = { replid, offset, takenAtMs, rdb: rdb.body };
  const manifest = await storeRdb(deps, target, source, {
    reason: 'archive',
    method: 'replication',
    server,
    clockOffsetMs,
  });
  if (manifest.rdb.keys === 0) throw changedMeanwhile(target.name); // it was not empty a moment ago: it has crashed since
  await (await deps.repository()).snapshots(manifest).publish(manifest);
  const resynced = restartedAtMs === undefined ? 'full-resync' : 'restarted';
  const reason = !end?.timeline ? 'first' : hole === undefined ? resynced : 'hole';
  const timeline = await openTimeline(deps, target, archive, { client, end, reason, restartedAtMs, at: follower });
  return { timeline, follower, offset, state: STREAM_BEGIN, lastAtMs: Math.max(takenAtMs, end?.lastAtMs ?? 0) };
}

async function openTimeline(deps: Dependencies, of: ShardRef, archive: Archive, opening: Opening): Promise<Timeline> {
  const { client, end, reason, restartedAtMs, at } = opening;
  const { runId, version } = await readServerFacts(client);
  const timeline: Timeline = {
    formatVersion: ARCHIVE_FORMAT_VERSION,
    kind: 'timeline',
    timelineId: timelineIdOf(at.replid, at.offset),
    instance: of.instance,
    shard: of.shard,
    replid: at.replid,
    first: at.offset,
    startedAt: new Date(Math.max(deps.now(), end?.lastAtMs ?? 0)).toISOString(),
    reason,
    server: { runId, version },
    ...(end?.timeline ? { parent: parentOf(end, end.timeline, { reason, restartedAtMs }) } : {}),
  };
  await archive.createTimeline(timeline);
  return timeline;
}

function parentOf(
  { offset, lastAtMs }: ArchiveEnd,
  { timelineId }: Timeline,
  { reason, restartedAtMs }: Pick<Opening, 'reason' | 'restartedAtMs'>,
): ParentTimeline {
  const endedAt = new Date(lastAtMs).toISOString();
  const gap = reason !== 'continued' && reason !== 'restarted';
  const restartedAt = restartedAtMs === undefined ? {} : { restartedAt: new Date(restartedAtMs).toISOString() };
  return { timelineId, end: offset, endedAt, gap, ...restartedAt };
}
