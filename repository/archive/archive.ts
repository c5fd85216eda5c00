import type { ArchiveExtent } from '../../model/archive/chain.ts';
import type { Cut } from '../../model/archive/cut.ts';
import type { ArchiveTarget } from '../../model/archive/plan.ts';
import type { Base } from '../../model/archive/retention.ts';
import type { SegmentHeader, Timeline } from '../../model/archive/timeline.ts';
import { newestOf } from '../../model/archive/timelines.ts';
import { hasCode, RecoveryError } from '../../model/errors.ts';
import type { ShardRef } from '../../model/shard.ts';
import { segmentKey } from '../layout.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import { type Compaction, type CompactOptions, compactTimeline } from './compact.ts';
import { type Extents, type ExtentsOptions, readExtents } from './extents.ts';
import { type ArchiveSegment, listSegments, mergedView } from './listing.ts';
import { type DestructiveSearch, findCut, findDestructive } from './moments.ts';
import { type ArchivePosition, findPosition } from './position.ts';
import type { ProveSegment } from './prove.ts';
import { type ArchiveRange, openRange, type RangeOptions } from './range.ts';
import { type RetainedArchive, type RetainOptions, retainArchive } from './retain.ts';
import { encodeSegment, type NewSegment } from './segment-format.ts';
import { type OpenSegment, openSegment, readHeader, timelineRef } from './segments.ts';
import { createTimeline, listTimelines, type TimelineProblem } from './timelines.ts';

export type { Compaction, CompactOptions } from './compact.ts';
export type { Extents } from './extents.ts';
export type { ArchiveSegment } from './listing.ts';
export type { DestructiveSearch, FoundDestructive } from './moments.ts';
export type { ArchivePosition } from './position.ts';
export type { ArchiveRange } from './range.ts';
export type { RetainedArchive, RetainOptions } from './retain.ts';
export type { NewSegment } from './segment-format.ts';
export type { OpenSegment } from './segments.ts';
export type { TimelineProblem } from './timelines.ts';

export interface PutSegmentOptions {
  signal?: AbortSignal;
  /** Of zstd, 1 to 19. Default 1. */
  level?: number;
}

/** The replication stream of one shard at rest: what stands in docs/repository-format.md, over any store. */
export class Archive {
  readonly store: ObjectStore;
  readonly instance: string;
  readonly shard: string;

  readonly prove: ProveSegment | undefined;

  /** @param prove - compares the bytes of each segment that is read, or made one with others, with its header */
  constructor(store: ObjectStore, { instance, shard }: ShardRef, prove?: ProveSegment) {
    this.store = store;
    this.instance = instance;
    this.shard = shard;
    this.prove = prove;
  }

  /**
   * Makes a timeline exist, before its first segment. Safe to repeat with the same one.
   * @throws RecoveryError `OBJECT_EXISTS` if another one is there
   */
  createTimeline(timeline: Timeline): Promise<void> {
    return createTimeline(this, timeline);
  }

  /** A parent before its children. What can't be read is in `timelinesWithProblems`. */
  async timelines(): Promise<Timeline[]> {
    return (await this.timelinesWithProblems()).timelines;
  }

  timelinesWithProblems(): Promise<{ timelines: Timeline[]; problems: TimelineProblem[] }> {
    return listTimelines(this);
  }

  /**
   * The one to go on with. One that can't be read is passed over: Redis then refuses to go on where an older one ended, and
   * the new timeline says that there is a gap.
   */
  async newestTimeline(): Promise<Timeline | undefined> {
    return newestOf(await this.timelines());
  }

  /**
   * Stores one segment, whose start must be the end of the one before. Its key is the fence: of two writers that stand at
   * the same offset one is refused, however far each of them has read. Safe to repeat by the same attempt.
   * Memory: the raw bytes and the compressed ones.
   * @param pieces - the raw bytes from `start` to `end`
   * @throws RecoveryError `ARCHIVER_REPLACED` if another attempt was here: stop, and write nothing more
   */
  async putSegment(
    segment: NewSegment,
    pieces: readonly Uint8Array[],
    { signal, level }: PutSegmentOptions = {},
  ): Promise<SegmentHeader> {
    const ref = timelineRef(this, segment.timelineId);
    const key = segmentKey(ref, segment.start);
    const { header, body } = await encodeSegment(segment, pieces, ref, level);
    try {
      await this.store.put(key, each(body), { ifAbsent: true, signal });
      return header;
    } catch (error) {
      if (!hasCode(error, 'OBJECT_EXISTS')) throw error;
      const found = await this.#storedAt(segment, key, signal);
      if (found.attempt === header.attempt && found.end === header.end) return found; // the answer to it was lost
      throw replaced(this, found);
    }
  }

  /** All segments of a timeline in order, by listings alone: what is compacted in place of what it was made of. */
  async segments(timelineId: string): Promise<ArchiveSegment[]> {
    return mergedView(await listSegments(this.store, timelineRef(this, timelineId)));
  }

  /** @throws RecoveryError `OBJECT_MISSING`, `ARCHIVE_CORRUPT`, `MANIFEST_VERSION_UNKNOWN` */
  header(segment: ArchiveSegment, signal?: AbortSignal): Promise<SegmentHeader> {
    return readHeader(this, segment, signal);
  }

  /** The header, and the raw bytes as they come. @throws RecoveryError as `header`; `ARCHIVE_CORRUPT` from the body as well */
  openSegment(segment: ArchiveSegment, signal?: AbortSignal): Promise<OpenSegment> {
    return openSegment(this, segment, signal);
  }

  /** Where a timeline ends, for the archiver to go on. See `findPosition`. */
  position(timelineId: string, signal?: AbortSignal): Promise<ArchivePosition> {
    return findPosition(this, timelineId, { signal });
  }

  /** The raw bytes that cover `from` to `to`, all of them and the right ones, or an error. See `openRange`. */
  openRange(timelineId: string, from: number, to: number, options?: RangeOptions): Promise<ArchiveRange> {
    return openRange(this, timelineId, { from, to }, options);
  }

  /** What is stored of each timeline, for planArchive and retention. See `readExtents`. */
  extents(options?: ExtentsOptions): Promise<Extents> {
    return readExtents(this, options);
  }

  /** Where to cut for a target; undefined for a moment that the archive does not have. See `findCut`. */
  findCut(extents: readonly ArchiveExtent[], target: ArchiveTarget, signal?: AbortSignal): Promise<Cut | undefined> {
    return findCut(this, extents, target, signal);
  }

  /** FLUSHALL and the like in a stretch of time, and how much of it could be read. */
  destructive(
    extents: Omit<Extents, 'problems'>,
    range: { fromMs: number; toMs: number },
    signal?: AbortSignal,
  ): Promise<DestructiveSearch> {
    return findDestructive(this, extents, range, signal);
  }

  /** Makes few large segments of many small ones in one timeline. See `compactTimeline`. */
  compact(timelineId: string, options?: CompactOptions): Promise<Compaction> {
    return compactTimeline(this, timelineId, options);
  }

  /** Deletes the log that no kept snapshot needs. See `retainArchive`. @param kept - all that stay, the pinned ones too */
  retain(kept: readonly Base[], options?: RetainOptions): Promise<RetainedArchive> {
    return retainArchive(this, kept, options);
  }

  async #storedAt({ timelineId, start }: NewSegment, key: string, signal?: AbortSignal): Promise<SegmentHeader> {
    const { sizeBytes, modifiedAtMs } = (await this.store.head(key)) ?? { sizeBytes: 0, modifiedAtMs: 0 };
    return readHeader(this, { timelineId, start, key, sizeBytes, modifiedAtMs, compacted: false }, signal);
  }
}

async function* each(body: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* body;
}

const replaced = ({ instance }: Archive, found: SegmentHeader): RecoveryError =>
  new RecoveryError(
    'ARCHIVER_REPLACED',
    `another archiver of ${instance} has stored the offsets ${found.start} to ${found.end} of ${found.timelineId}`,
    { next: 'Nothing: this archiver stops, the other one goes on. If both come back, find out who starts two.' },
  );
