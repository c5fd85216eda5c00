import { isDeepStrictEqual } from 'node:util';
import { STREAM_BEGIN, type StreamState } from '../../model/archive/stream-state.ts';
import type { SegmentHeader } from '../../model/archive/timeline.ts';
import { hasCode, RecoveryError } from '../../model/errors.ts';
import { refuseHole } from './holes.ts';
import { type ArchiveSegment, listSegments, nextRaw, nextStart, type SegmentListing, segmentAt } from './listing.ts';
import { type Loaded, loadSegment, MOST_HELD_BYTES } from './load.ts';
import { archiveCorrupt } from './schema.ts';
import { type ArchivePlace, isDamage, isUnusable, readHeader, timelineRef, urlOf } from './segments.ts';

/** Raw bytes of one timeline, from a segment's beginning to an offset. */
export interface ArchiveRange {
  timelineId: string;
  /** Where the bytes begin: at the beginning of the segment that has the offset asked for, so at or before it. */
  start: number;
  /** Of the reader that stands at `start`. A range of no bytes has none, and says STREAM_BEGIN. */
  startState: StreamState;
  /** Where they end: the offset asked for. */
  end: number;
  /** Cut at the marks of the segments, so that each piece has a time. */
  body: AsyncGenerator<Buffer>;
  /** When the piece had come, milliseconds since 1970, that the body gave last; 0 before the first. Late by at most a mark. */
  atMs(): number;
  /** Since when that piece may have been written, where it came late. */
  sinceMs(): number | undefined;
}

export interface RangeOptions {
  signal?: AbortSignal;
}

/** Segments on their way at once, the one being read included. */
const AHEAD = 4;
/** Looks at a listing that a compaction overtakes, for one segment. */
const MOST_LISTINGS = 5;

/**
 * Opens the bytes of a timeline that cover `from` to `to`. Each segment is verified as a whole before a byte of it comes out
 * (one over 64 MiB, at its end), and starts where the one before ended, in its state. Either these are the right bytes, or it
 * throws: nothing of them may be used before the end. Segments that are compacted meanwhile are found again.
 * Memory: at most 64 MiB of stored segments and some 10 MiB to unpack them.
 * @throws RecoveryError `ARCHIVE_GAP` for bytes that are not there, `ARCHIVE_CORRUPT` for ones that are damaged; at once for
 *   the first segment, from the body for others
 */
export async function openRange(
  place: ArchivePlace,
  timelineId: string,
  { from, to }: { from: number; to: number },
  { signal }: RangeOptions = {},
): Promise<ArchiveRange> {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to < from) {
    throw new RecoveryError('INPUT_INVALID', `there are no offsets from ${from} to ${to}`, { next: 'Report this.' });
  }
  if (from === to) return { timelineId, start: from, startState: STREAM_BEGIN, end: to, body: nothing(), ...UNDATED };
  const reader = new RangeReader(place, timelineId, { from, to, signal });
  const first = await reader.open();
  const { start, startState } = first.header;
  return {
    timelineId,
    start,
    startState,
    end: to,
    body: reader.read(first),
    atMs: () => reader.atMs,
    sinceMs: () => reader.sinceMs,
  };
}

const UNDATED = { atMs: () => 0, sinceMs: () => undefined };

async function* nothing(): AsyncGenerator<Buffer> {}

class RangeReader {
  readonly #place: ArchivePlace;
  readonly #timelineId: string;
  readonly #from: number;
  readonly #to: number;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  /** Of the piece that was read last. */
  atMs = 0;
  sinceMs: number | undefined;
  #listing: SegmentListing = { raw: [], compacted: [] };
  /** By key: under way, or waiting to be read. */
  readonly #ahead = new Map<string, { sizeBytes: number; loading: Promise<Loaded> }>();
  /** Damaged ones, with the reason: while a compaction is unfinished, the same bytes lie elsewhere too. */
  readonly #damaged = new Map<string, unknown>();

  constructor(place: ArchivePlace, timelineId: string, range: { from: number; to: number; signal?: AbortSignal }) {
    this.#place = place;
    this.#timelineId = timelineId;
    this.#from = range.from;
    this.#to = range.to;
    this.#signal = range.signal ? AbortSignal.any([range.signal, this.#stop.signal]) : this.#stop.signal;
  }

  async open(): Promise<Loaded> {
    await this.#list();
    try {
      const first = await this.#next(this.#from);
      await this.#mustFollow(first.header);
      return first;
    } catch (error) {
      await this.#close();
      throw error;
    }
  }

  async *read(first: Loaded): AsyncGenerator<Buffer> {
    try {
      let loaded = first;
      for (let at = first.header.start; ; loaded = await this.#next(at, loaded.header)) {
        const { start, end } = loaded.header;
        this.#loadAhead(loaded);
        const wanted = cutOut(loaded.body(), at - start, Math.min(end, this.#to) - start);
        let begins = at;
        for await (const [piece, atMs] of timed(wanted, at, loaded.header)) {
          this.atMs = atMs;
          this.sinceMs = lateness(loaded.header, begins, begins + piece.length);
          begins += piece.length;
          yield piece;
        }
        at = end;
        if (at >= this.#to) return;
      }
    } finally {
      await this.#close();
    }
  }

  /** The segment that goes on at an offset. @param previous - none for the first, which may begin earlier */
  async #next(offset: number, previous?: SegmentHeader): Promise<Loaded> {
    for (let listings = 1; ; ) {
      const segment = segmentAt(this.#listing, offset, { inside: !previous, without: this.#damaged });
      if (!segment) return this.#refuse(offset, previous);
      try {
        const loaded = await this.#load(segment);
        if (loaded.header.end <= offset) return await this.#refuse(loaded.header.end, loaded.header);
        this.#mustFit(segment, loaded.header, previous);
        return loaded;
      } catch (error) {
        if (hasCode(error, 'OBJECT_MISSING') && listings++ < MOST_LISTINGS) await this.#list();
        else if (isDamage(error)) this.#damaged.set(segment.key, error);
        else throw error;
      }
    }
  }

  #mustFit(segment: ArchiveSegment, header: SegmentHeader, previous?: SegmentHeader): void {
    const where = urlOf(this.#place, segment);
    if (!segment.compacted) {
      const next = nextRaw(this.#listing, header.start);
      if (next && next.start < header.end) throw archiveCorrupt(where, `ends at ${header.end}, but ${next.key} begins before`);
    }
    if (!previous || previous.end !== header.start) return; // in the middle of a compacted one: its own bytes led there
    if (!isDeepStrictEqual(header.startState, previous.endState)) {
      throw archiveCorrupt(where, 'begins in another state of the stream than the segment before it ended in');
    }
  }

  /** What the first one begins in is proven by no byte of it, and said by the one before. A damaged one is not needed. */
  async #mustFollow({ start, startState }: SegmentHeader): Promise<void> {
    const segment = segmentAt(this.#listing, start - 1, { inside: true });
    const header = segment && (await readHeader(this.#place, segment, this.#signal).catch(ignored));
    if (!header || header.end !== start || isDeepStrictEqual(header.endState, startState)) return;
    throw archiveCorrupt(urlOf(this.#place, segment), 'ends in another state of the stream than the segment behind it begins in');
  }

  /** Nothing usable has this offset: because of damage, or because nothing is there. */
  async #refuse(offset: number, previous?: SegmentHeader): Promise<never> {
    const damaged = [...this.#damaged].filter(([key]) => this.#hasOffset(key, offset));
    if (damaged[0]) throw damaged[0][1];
    const until = Math.min(nextStart(this.#listing, offset) ?? this.#to, this.#to);
    throw await refuseHole(this.#place, this.#listing, { timelineId: this.#timelineId, from: offset, to: until, previous });
  }

  #hasOffset(key: string, offset: number): boolean {
    const { raw, compacted } = this.#listing;
    const found = [...raw, ...compacted].find((segment) => segment.key === key);
    if (!found) return false;
    return found.start <= offset && offset < (found.end ?? nextStart(this.#listing, found.start) ?? Number.POSITIVE_INFINITY);
  }

  #load(segment: ArchiveSegment): Promise<Loaded> {
    const ready = this.#ahead.get(segment.key)?.loading;
    this.#ahead.delete(segment.key);
    return ready ?? loadSegment(this.#place, segment, this.#signal);
  }

  /** Begins to fetch what will probably come next, as long as all of it fits into the memory that is meant for it. */
  #loadAhead(current: Loaded): void {
    let offset = current.header.end;
    let held = [...this.#ahead.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, current.heldBytes);
    for (let ahead = 1; ahead < AHEAD && offset < this.#to; ahead++) {
      const segment = segmentAt(this.#listing, offset, { without: this.#damaged });
      if (!segment) return;
      if (!this.#ahead.has(segment.key)) {
        held += segment.sizeBytes;
        if (held > MOST_HELD_BYTES) return;
        const loading = loadSegment(this.#place, segment, this.#signal);
        loading.catch(() => undefined); // it is thrown where the segment is awaited
        this.#ahead.set(segment.key, { sizeBytes: segment.sizeBytes, loading });
      }
      offset = segment.end ?? nextStart(this.#listing, segment.start) ?? this.#to;
    }
  }

  async #list(): Promise<void> {
    this.#listing = await listSegments(this.#place.store, timelineRef(this.#place, this.#timelineId), this.#signal);
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled([...this.#ahead.values()].map(({ loading }) => loading));
    this.#ahead.clear();
  }
}

function ignored(error: unknown): undefined {
  if (!isUnusable(error) && !hasCode(error, 'OBJECT_MISSING')) throw error;
}

/** A piece that came late in part came late: it ends where its last command does. */
const lateness = ({ late }: SegmentHeader, from: number, to: number): number | undefined =>
  late.find((one) => one.from < to && from < one.to)?.sinceMs;

/** Bytes `from` to `to` (exclusive) of a body. Reads it to its end: only there it is known to be the right one. */
async function* cutOut(body: AsyncIterable<Buffer>, from: number, to: number): AsyncGenerator<Buffer> {
  let at = 0;
  for await (const chunk of body) {
    const wanted = chunk.subarray(Math.max(0, from - at), Math.max(0, to - at));
    at += chunk.length;
    if (wanted.length > 0) yield wanted;
  }
}

/** Each piece with the time of the mark that it ends at or before, behind the last one with that of the last byte. */
async function* timed(
  body: AsyncIterable<Buffer>,
  from: number,
  { marks, lastAtMs }: Pick<SegmentHeader, 'marks' | 'lastAtMs'>,
): AsyncGenerator<[piece: Buffer, atMs: number]> {
  let at = from;
  let next = marks.findIndex(([offset]) => offset > from);
  for await (const chunk of body) {
    for (let rest = chunk; rest.length > 0; ) {
      const [markAt, atMs] = (next < 0 ? undefined : marks[next]) ?? [Number.POSITIVE_INFINITY, lastAtMs];
      const piece = rest.subarray(0, markAt - at);
      yield [piece, atMs];
      rest = rest.subarray(piece.length);
      at += piece.length;
      if (at === markAt) next += 1;
    }
  }
}
