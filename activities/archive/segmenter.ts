import { distinctDestructive } from '../../model/archive/destructive.ts';
import { isWithin, joinedNeeds, type LogNeeds } from '../../model/archive/log-needs.ts';
import type { StreamState } from '../../model/archive/stream-state.ts';
import type { DestructiveCommand, LateArrival, SegmentHeader } from '../../model/archive/timeline.ts';

/** What is to be stored as one object, but for where and by whom. */
export interface SegmentDraft
  extends Pick<
    SegmentHeader,
    | 'start'
    | 'end'
    | 'startState'
    | 'endState'
    | 'firstAtMs'
    | 'lastAtMs'
    | 'marks'
    | 'late'
    | 'destructive'
    | 'unknownCommands'
    | 'needs'
    | 'largestCommandBytes'
  > {
  /** The raw stream from `start` to `end`. */
  pieces: Buffer[];
}

/** What was noticed when a piece of the stream came: told before its bytes may be stored. */
export interface SegmentSighting {
  /** The last place in the piece where the stream may be cut, or its very end if there is none. */
  offset: number;
  state: StreamState;
  /** Whether the stream may be cut at `offset` and go on from there with a database number alone. */
  boundary: boolean;
  atMs: number;
  /** It came late: it was written at any time since. */
  sinceMs?: number | undefined;
  /** Something came that changes data: PING and GETACK alone are not worth an object. */
  worth: boolean;
  destructive: DestructiveCommand[];
  unknownCommands: string[];
  /** Of what lies before `offset`. */
  needs: LogNeeds;
  /** Of the same: what had come whole, and, where `offset` is no boundary, what was under way. */
  largestCommandBytes: number;
}

export interface SegmenterOptions {
  /** Where the archive ends: offset, reader's state and time of its last byte. */
  start: number;
  state: StreamState;
  lastAtMs: number;
  /** Close a segment when its first command is this old, or when it has so many bytes. */
  ageMs: number;
  bytes: number;
}

/** About four marks a second: what a cut by time can tell apart. */
const MARK_EVERY_MS = 250;
/** Sightings of one quarter of a second are one, unless so much has come: a store that is away for an hour must not cost memory. */
const JOINED_BYTES = 1024 * 1024;
/** A command or transaction that is longer than this many segments is cut in the middle rather than held in memory. */
const LONGEST_SEGMENTS = 2;
/** … and than this: a piece of the stream, up to 1 MiB, is not cut, so there must be room for some. */
const LONGEST_AT_LEAST_BYTES = 4 * 1024 * 1024;

/** Sightings that were joined: where and how the stream may be cut is that of the last one. */
interface Seen extends SegmentSighting {
  from: number;
  firstAtMs: number;
  /** When the first came that is worth an object. */
  worthAtMs?: number;
}

/**
 * Decides where the stream is cut into segments. Knows no clock, no socket and no store: it is told what came (`sight`), gets
 * the bytes behind that (`add`), and is asked what is due. Cuts at boundaries, so that each segment can be understood alone;
 * only what is too long for memory is cut elsewhere, and its state goes into the header.
 */
export class Segmenter {
  readonly #options: SegmenterOptions;
  #start: number;
  #state: StreamState;
  #lastAtMs: number;
  #sightings: Seen[] = [];
  #pieces: Buffer[] = [];
  #end: number;
  #sighted: number;
  #flushTo = 0;

  constructor(options: SegmenterOptions) {
    this.#options = options;
    this.#start = options.start;
    this.#end = options.start;
    this.#sighted = options.start;
    this.#state = options.state;
    this.#lastAtMs = options.lastAtMs;
  }

  /** Bytes that were added and are in no segment yet. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** No more is to be added until a segment was taken. There is one then, whatever has come: also in the middle of a command. */
  get isFull(): boolean {
    return this.pendingBytes >= this.#longestBytes;
  }

  get #longestBytes(): number {
    return Math.max(LONGEST_AT_LEAST_BYTES, LONGEST_SEGMENTS * this.#options.bytes);
  }

  /** When the oldest command came that no segment has; undefined when nothing worth an object is waiting. */
  get oldestAtMs(): number | undefined {
    return this.#sightings.find(({ worthAtMs }) => worthAtMs !== undefined)?.worthAtMs;
  }

  /** In the order of the stream, and before the bytes it tells of are added. */
  sight(sighting: SegmentSighting): void {
    const last = this.#sightings.at(-1);
    const next = {
      ...sighting,
      from: this.#sighted,
      firstAtMs: sighting.atMs,
      worthAtMs: sighting.worth ? sighting.atMs : undefined,
    };
    if (last && belongTogether(last, next)) this.#sightings[this.#sightings.length - 1] = joined(last, next);
    else this.#sightings.push(next);
    this.#sighted = sighting.offset;
  }

  /** The next bytes. They must not change any more. */
  add(piece: Buffer): void {
    const last = this.#pieces.at(-1);
    // Many small pieces lie side by side in one buffer: one view costs as little as one of them.
    if (last && last.buffer === piece.buffer && last.byteOffset + last.length === piece.byteOffset) {
      this.#pieces[this.#pieces.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + piece.length);
    } else {
      this.#pieces.push(piece);
    }
    this.#end += piece.length;
  }

  /** Somebody waits for an acknowledgement of everything up to here: it is due as soon as it has come. */
  flush(offset: number): void {
    this.#flushTo = Math.max(this.#flushTo, offset);
  }

  /** Milliseconds until the oldest command is old enough; undefined when only more bytes can make a segment due. */
  dueIn(nowMs: number): number | undefined {
    const oldest = this.oldestAtMs;
    return oldest === undefined ? undefined : Math.max(0, oldest + this.#options.ageMs - nowMs);
  }

  /**
   * The next segment if it is time for one.
   * @param ending - take all there is, whatever its age: nothing more will come
   */
  take(nowMs: number, ending = false): SegmentDraft | undefined {
    const full = this.pendingBytes >= this.#options.bytes;
    const due = ending || full || this.#flushTo > this.#start || this.dueIn(nowMs) === 0;
    const cut = due ? this.#chooseCut() : undefined;
    return cut === undefined ? undefined : this.#cutAt(cut);
  }

  /** Index of the sighting to cut at: the last boundary that has come whole, within the size if there is one. */
  #chooseCut(): number | undefined {
    const come = this.#sightings.findLastIndex(({ offset }) => offset <= this.#end);
    if (come < 0) return undefined;
    const within = (at: SegmentSighting): boolean => at.offset - this.#start <= this.#options.bytes;
    const boundary = (index: number, also: (at: SegmentSighting) => boolean): boolean => {
      const at = this.#sightings[index];
      return at?.boundary === true && at.offset > this.#start && also(at);
    };
    for (let index = come; index >= 0; index--) if (boundary(index, within)) return index;
    for (let index = 0; index <= come; index++) if (boundary(index, () => true)) return index; // one large command
    return this.isFull && (this.#sightings[come]?.offset ?? 0) > this.#start ? come : undefined;
  }

  #cutAt(index: number): SegmentDraft {
    const seen = this.#sightings.splice(0, index + 1);
    const last = seen.at(-1) as Seen; // chooseCut gave an index that is there
    const draft: SegmentDraft = {
      start: this.#start,
      end: last.offset,
      startState: this.#state,
      endState: last.state,
      firstAtMs: seen[0]?.firstAtMs ?? this.#lastAtMs,
      lastAtMs: last.atMs,
      marks: marksOf(seen),
      late: lateOf(seen),
      destructive: distinctDestructive(seen.flatMap(({ destructive }) => destructive)),
      unknownCommands: [...new Set(seen.flatMap(({ unknownCommands }) => unknownCommands))],
      needs: joinedNeeds(seen.map(({ needs }) => needs)),
      largestCommandBytes: Math.max(...seen.map(({ largestCommandBytes }) => largestCommandBytes)),
      pieces: this.#takeBytes(last.offset - this.#start),
    };
    this.#start = draft.end;
    this.#state = draft.endState;
    this.#lastAtMs = draft.lastAtMs;
    return draft;
  }

  #takeBytes(bytes: number): Buffer[] {
    let whole = 0;
    let left = bytes;
    for (let piece = this.#pieces[0]; piece && piece.length <= left; piece = this.#pieces[whole]) {
      left -= piece.length;
      whole += 1;
    }
    const taken = this.#pieces.splice(0, whole);
    const cut = this.#pieces[0];
    if (left === 0) return taken;
    if (!cut) throw new Error('a segment was cut behind the bytes that have come');
    this.#pieces[0] = cut.subarray(left);
    return [...taken, cut.subarray(0, left)];
  }
}

/** A boundary is given up only for a later one. */
const belongTogether = (last: Seen, next: Seen): boolean =>
  (next.boundary || !last.boundary) &&
  next.sinceMs === last.sinceMs &&
  next.offset - last.from <= JOINED_BYTES &&
  next.atMs - last.firstAtMs < MARK_EVERY_MS;

const joined = (last: Seen, next: Seen): Seen => ({
  ...next,
  from: last.from,
  firstAtMs: last.firstAtMs,
  worth: last.worth || next.worth,
  worthAtMs: last.worthAtMs ?? next.worthAtMs,
  destructive: distinctDestructive([...last.destructive, ...next.destructive]),
  unknownCommands: [...new Set([...last.unknownCommands, ...next.unknownCommands])],
  largestCommandBytes: Math.max(last.largestCommandBytes, next.largestCommandBytes),
  needs: isWithin(next.needs, last.needs) ? last.needs : joinedNeeds([last.needs, next.needs]),
});

/** Pings that waited are no news. */
function lateOf(seen: readonly Seen[]): LateArrival[] {
  const late: LateArrival[] = [];
  for (const { sinceMs, worth, from, offset: to, atMs } of seen) {
    if (sinceMs === undefined || !worth) continue;
    const last = late.at(-1);
    if (last?.to === from && last.sinceMs === sinceMs) Object.assign(last, { to, atMs });
    else late.push({ from, to, sinceMs, atMs });
  }
  return late;
}

/** Thinned: the last boundary of each quarter of a second, and the last of all. */
function marksOf(seen: readonly Seen[]): [number, number][] {
  const marks: [number, number][] = [];
  let slotEndMs = Number.NEGATIVE_INFINITY;
  for (const { boundary, offset, atMs } of seen) {
    if (!boundary) continue;
    if (atMs < slotEndMs) marks.pop();
    else slotEndMs = atMs + MARK_EVERY_MS;
    marks.push([offset, atMs]);
  }
  return marks;
}
