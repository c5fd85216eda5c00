import { STREAM_BEGIN, type StreamState } from '../../model/archive/stream-state.ts';
import type { Timeline } from '../../model/archive/timeline.ts';
import { CLOCK_DOUBT_MS } from '../../model/backup/backup-time.ts';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import type { ShardRef } from '../../model/shard.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import type { Archive } from '../../repository/archive/archive.ts';
import type { Dependencies } from '../dependencies.ts';

/** Where the archive ends: a stored segment, or the snapshot that a first timeline can begin at. */
export interface ArchiveEnd {
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

export async function endOf(
  deps: Dependencies,
  of: ShardRef,
  archive: Archive,
  client: RedisClient,
): Promise<ArchiveEnd | undefined> {
  const timeline = await archive.newestTimeline();
  if (timeline) {
    const { end, endState, lastAtMs, beyond } = await archive.position(timeline.timelineId);
    // A clock that was ahead would stay in the log for twice as long as it was: the next timeline begins with ours.
    const nowMs = deps.now();
    const isAhead = lastAtMs > nowMs + CLOCK_DOUBT_MS && end > timeline.first;
    const at = { replid: timeline.replid, offset: end, state: endState, lastAtMs: isAhead ? nowMs : lastAtMs };
    return { ...at, timeline, blocked: beyond.length > 0 || isAhead };
  }
  const replid = (await client.info('replication')).get('master_replid') ?? '';
  const base = newestBase(await (await deps.repository()).snapshots(of).list(), replid);
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
