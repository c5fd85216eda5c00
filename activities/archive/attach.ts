import { setTimeout as sleep } from 'node:timers/promises';
import { STREAM_BEGIN, type StreamState } from '../../model/archive/stream-state.ts';
import { ARCHIVE_FORMAT_VERSION, type ParentTimeline, type Timeline, type TimelineReason } from '../../model/archive/timeline.ts';
import { CLOCK_DOUBT_MS } from '../../model/backup/backup-time.ts';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { RecoveryError } from '../../model/errors.ts';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import { type Follower, openFollower } from '../../redis/replication/follow.ts';
import { type PingPeriod, readPingPeriod } from '../../redis/replication/ping-period.ts';
import { predictResync } from '../../redis/replication/predict-resync.ts';
import { readServerFacts } from '../../redis/server-facts.ts';
import type { Archive } from '../../repository/archive/archive.ts';
import { timelineIdOf } from '../../repository/layout.ts';
import { storeRdb } from '../backup/store-rdb.ts';
import { currentJob } from '../job-context.ts';
import { claimRepository } from '../owner.ts';
import type { ProtectedInstance, World } from '../world.ts';
import { LATE_MS, type Late } from './lateness.ts';

/** The place where the archive of an instance goes on, and the connection that brings what comes next. */
export interface Attached {
  timeline: Timeline;
  follower: Follower;
  /** Everything up to here is stored. */
  offset: number;
  state: StreamState;
  lastAtMs: number;
  pings: PingPeriod;
  /** What was written while nobody followed. */
  late?: Late;
}

type Begun = Omit<Attached, 'pings' | 'late'>;

/** Where the archive ends: a stored segment, or the snapshot that a first timeline can begin at. */
interface ArchiveEnd {
  replid: string;
  offset: number;
  state: StreamState;
  lastAtMs: number;
  /** Absent: there is a snapshot and no timeline yet. */
  timeline?: Timeline;
  /**
   * Somebody has put objects where the next ones would lie, or its times are ahead of ours: it can only be gone on with in
   * another timeline.
   */
  blocked?: boolean;
}

const LOOK_EVERY_MS = 1_000;
/** A line that swallows everything is to be dialled again soon; a Redis that is only slow, too. */
const DIAL_MS = 10_000;

/**
 * Goes on at the last stored byte. Where Redis can't (its backlog is overrun, it has a new history), a new timeline is opened
 * with a base of its own, and the gap stands in it. Safe to repeat: nothing that is stored changes.
 * @param hole - what the store has lost: a new base is asked for, though Redis could go on
 */
export async function attach(
  world: World,
  target: ProtectedInstance,
  archive: Archive,
  { shard, hole }: { shard: string; hole?: string | undefined },
): Promise<Attached> {
  const { progress } = currentJob();
  const signal = AbortSignal.any([currentJob().signal, world.draining]);
  using client = await openRedis(target.connection, { commandTimeoutMs: DIAL_MS });
  await (await world.repository()).requireFence(world.now());
  await claimRepository(world, target, client);
  const end = await endOf(world, target.name, archive, { shard, client });
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
    const begun = await begin(world, target, archive, { shard, client, follower, end, hole });
    return { ...begun, pings, ...(await lateAt(world, client, begun.lastAtMs)) };
  } catch (error) {
    follower.close();
    throw error;
  }
}

/** Goes on where the archive ends, in the same timeline or in another, or with a new base. */
async function begin(
  world: World,
  target: ProtectedInstance,
  archive: Archive,
  at: { shard: string; client: RedisClient; follower: Follower; end: ArchiveEnd | undefined; hole: string | undefined },
): Promise<Begun> {
  const { follower, end } = at;
  if (follower.kind === 'full') return beginAnew(world, target, archive, { ...at, follower });
  if (!end) throw new Error('Redis went on where nothing was asked for');
  if (end.timeline && end.replid === follower.replid && !end.blocked) return { ...end, timeline: end.timeline, follower };
  if (!end.timeline && end.replid !== follower.replid) throw changedMeanwhile(target.name);
  const reason = end.timeline ? 'continued' : 'first';
  return { ...end, timeline: await openTimeline(world, archive, { ...at, reason, at: follower }), follower };
}

/** What Redis has written since the last byte that the archive has, or since the fork of its base. */
async function lateAt(world: World, client: RedisClient, sinceMs: number): Promise<{ late?: Late }> {
  if (world.now() - sinceMs <= LATE_MS) return {};
  const to = (await client.info('replication')).number('master_repl_offset');
  return { late: { to: to ?? Number.POSITIVE_INFINITY, sinceMs } };
}

async function endOf(
  world: World,
  instance: string,
  archive: Archive,
  { shard, client }: { shard: string; client: RedisClient },
): Promise<ArchiveEnd | undefined> {
  const timeline = await archive.newestTimeline();
  if (timeline) {
    const { end, endState, lastAtMs, beyond } = await archive.position(timeline.timelineId);
    // A clock that was ahead would stay in the log for twice as long as it was: the next timeline begins with ours.
    const nowMs = world.now();
    const isAhead = lastAtMs > nowMs + CLOCK_DOUBT_MS && end > timeline.first;
    const at = { replid: timeline.replid, offset: end, state: endState, lastAtMs: isAhead ? nowMs : lastAtMs };
    return { ...at, timeline, blocked: beyond.length > 0 || isAhead };
  }
  const replid = (await client.info('replication')).get('master_replid') ?? '';
  const base = newestBase(await (await world.repository()).snapshots({ instance, shard }).list(), replid);
  if (!base) return undefined;
  return { replid, offset: base.replication.offset, state: STREAM_BEGIN, lastAtMs: Date.parse(base.times.takenAt) };
}

/**
 * An RDB that knows its place in the stream is a base. One of BGSAVE is none: only after a synchronization does Redis say
 * again which database its commands mean. And nobody would find one of a former replication id for the log of a new one.
 */
const newestBase = (manifests: readonly SnapshotManifest[], replid: string): SnapshotManifest | undefined =>
  manifests.findLast(
    ({ method, replication, rdb }) =>
      method === 'replication' && replication.replid === replid && replication.offset > 0 && rdb.keys > 0,
  );

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

interface Opening {
  shard: string;
  client: RedisClient;
  end: ArchiveEnd | undefined;
  reason: TimelineReason;
  at: { replid: string; offset: number };
}

/** Stores the RDB that Redis sends as an ordinary snapshot: the base of the timeline that begins behind it. */
async function beginAnew(
  world: World,
  target: ProtectedInstance,
  archive: Archive,
  {
    shard,
    client,
    follower,
    end,
    hole,
  }: Pick<Opening, 'shard' | 'client' | 'end'> & { follower: Follower & { kind: 'full' }; hole: string | undefined },
): Promise<Begun> {
  const takenAtMs = world.now();
  const server = await readServerFacts(client);
  const clockOffsetMs = Math.round((await client.time()) - world.now());
  const { replid, offset, rdb } = follower;
  const source = { replid, offset, takenAtMs, rdb: rdb.body };
  const manifest = await storeRdb(world, target, source, {
    shard,
    reason: 'archive',
    method: 'replication',
    server,
    clockOffsetMs,
  });
  if (manifest.rdb.keys === 0) throw changedMeanwhile(target.name); // it was not empty a moment ago: it has crashed since
  await (await world.repository()).snapshots(manifest).publish(manifest);
  const reason = !end?.timeline ? 'first' : hole === undefined ? 'full-resync' : 'hole';
  const timeline = await openTimeline(world, archive, { shard, client, end, reason, at: follower });
  return { timeline, follower, offset, state: STREAM_BEGIN, lastAtMs: Math.max(takenAtMs, end?.lastAtMs ?? 0) };
}

async function openTimeline(world: World, archive: Archive, { shard, client, end, reason, at }: Opening): Promise<Timeline> {
  const { runId, version } = await readServerFacts(client);
  const timeline: Timeline = {
    formatVersion: ARCHIVE_FORMAT_VERSION,
    kind: 'timeline',
    timelineId: timelineIdOf(at.replid, at.offset),
    instance: archive.instance,
    shard,
    replid: at.replid,
    first: at.offset,
    startedAt: new Date(Math.max(world.now(), end?.lastAtMs ?? 0)).toISOString(),
    reason,
    server: { runId, version },
    ...(end?.timeline ? { parent: parentOf(end, end.timeline, reason) } : {}),
  };
  await archive.createTimeline(timeline);
  return timeline;
}

const parentOf = ({ offset, lastAtMs }: ArchiveEnd, { timelineId }: Timeline, reason: TimelineReason): ParentTimeline => ({
  timelineId,
  end: offset,
  endedAt: new Date(lastAtMs).toISOString(),
  gap: reason !== 'continued',
});
