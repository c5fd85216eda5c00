import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FollowResult, Rpo } from '../../model/archive/archiving.ts';
import type { LineEnd, LogFiles } from '../../model/archive/restart-proof.ts';
import { ARCHIVE_FORMAT_VERSION } from '../../model/archive/timeline.ts';
import { ERRORS, messageOf, RecoveryError } from '../../model/errors.ts';
import type { Archive, NewSegment } from '../../repository/archive/archive.ts';
import { spool } from '../../repository/pipeline/spool.ts';
import type { ArchiveSettings, Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import type { Attached } from './attach.ts';
import { steadyClock } from './clock.ts';
import { followReport } from './follow-report.ts';
import { Lateness } from './lateness.ts';
import { News } from './news.ts';
import { RpoTeller } from './rpo-teller.ts';
import { type SegmentDraft, Segmenter } from './segmenter.ts';
import { type LogHole, StoredLog } from './stored-log.ts';
import { StreamInspector } from './stream-inspector.ts';

/** A stay ends after this long and is begun anew, so that no activity grows old. Spread, so that not all end together. */
const STAY_MS = 3600_000;
const STAY_SPREAD_MS = 300_000;
/** In memory before the disk is used; the segments under way come on top. */
const SPOOL_MEMORY_BYTES = 16 * 1024 * 1024;
/** How long what has come may take to be stored when the stay ends. Redis still has what is not. */
const FAREWELL_MS = 8_000;
/** Between two attempts to store a segment, on top of the patience of the store itself. */
const STORE_PAUSE_MS = 1_000;
/** A put may wait for the store for a minute, and what would be lost grows meanwhile. */
const REPORT_EVERY_MS = 1_000;

export interface StreamingSessionOptions {
  /** What the store had lost, and why this stay has begun with a new base. */
  hole: string | undefined;
  lookEveryMs: number;
  sourceOffset: () => Promise<number | undefined>;
  /** See `Dependencies.archiver`. */
  tellRpo: (rpo: Rpo) => Promise<void>;
  /** What Redis leaves on its disk, as far as somebody can look. */
  filesAtItsEnd: () => Promise<LogFiles | undefined>;
}

/** One session at one Redis: bytes come in on one side and leave as objects on the other. */
export class StreamingSession {
  readonly #deps: Dependencies;
  readonly #settings: ArchiveSettings;
  readonly #archive: Archive;
  readonly #attached: Attached;
  readonly #segmenter: Segmenter;
  readonly #inspector: StreamInspector;
  readonly #lateness: Lateness;
  readonly #clock: () => number;
  readonly #attempt = randomUUID();
  readonly #rpo: RpoTeller;
  readonly #news = new News();
  readonly #leave = new AbortController();
  readonly #giveUp = new AbortController();
  readonly #tooLate = Promise.withResolvers<never>();
  readonly #log: StoredLog;
  readonly #options: StreamingSessionOptions;
  #stored: { offset: number; atMs: number };
  /** Nothing more will come. */
  #ended = false;
  #lost: unknown;
  #lostAtMs: number | undefined;
  #files: Promise<LogFiles | undefined> | undefined;
  readonly #filesAtItsEnd: () => Promise<LogFiles | undefined>;
  #isOld = false;
  #storeError: string | undefined;
  /** When the first byte came of the segment that is being stored. */
  #underWayAtMs: number | undefined;

  constructor(
    deps: Dependencies,
    settings: ArchiveSettings,
    archive: Archive,
    attached: Attached,
    options: StreamingSessionOptions,
  ) {
    const { offset, state, lastAtMs } = attached;
    this.#deps = deps;
    this.#settings = settings;
    this.#archive = archive;
    this.#attached = attached;
    this.#clock = steadyClock(deps.now, lastAtMs);
    this.#segmenter = new Segmenter({
      start: offset,
      state,
      lastAtMs,
      ageMs: settings.segmentAgeMs,
      bytes: settings.segmentBytes,
    });
    this.#stored = { offset, atMs: lastAtMs };
    this.#log = new StoredLog(deps, archive, attached.timeline);
    this.#options = options;
    this.#rpo = new RpoTeller(options.tellRpo, this.#clock);
    const { sourceOffset, filesAtItsEnd } = options;
    this.#filesAtItsEnd = filesAtItsEnd;
    this.#lateness = new Lateness({ clock: this.#clock, sourceOffset, late: attached.late });
    this.#inspector = new StreamInspector(attached, this.#segmenter, {
      settings,
      clock: this.#clock,
      lateness: this.#lateness,
      onGetAck: (offset) => this.#segmenter.flush(offset),
    });
  }

  /** @throws RecoveryError of Redis or of the store; what the cancellation was */
  async run(): Promise<FollowResult> {
    const { signal } = currentJob();
    using _leaving = this.#whenToLeave(signal);
    using _reporting = every(REPORT_EVERY_MS, () => this.#report());
    this.#attached.follower.acknowledge(this.#stored.offset);
    const receiving = this.#receive();
    const leaving = new AbortController();
    const looking = this.#log.watch(leaving.signal, (hole) => this.#leaveFor(hole), this.#options.lookEveryMs);
    try {
      await this.#store();
    } catch (error) {
      if (!this.#giveUp.signal.aborted) throw error; // it is too late for the rest, and Redis still has it
    } finally {
      this.#attached.follower.close();
      this.#end();
      leaving.abort();
      await Promise.all([receiving, looking]);
      await this.#rpo.tellLast();
    }
    signal.throwIfAborted();
    if (this.#lost !== undefined && !this.#leave.signal.aborted) throw this.#lost;
    const { offset, atMs } = this.#stored;
    return {
      ended: this.#deps.draining.aborted ? 'draining' : 'hour',
      timelineId: this.#attached.timeline.timelineId,
      storedOffset: offset,
      storedUpTo: new Date(atMs).toISOString(),
    };
  }

  /** How it ended, where Redis ended it and everything that had come was stored. */
  async lineEnd(): Promise<LineEnd | undefined> {
    const { timeline, pid } = this.#attached;
    const { offset } = this.#stored;
    if (this.#lostAtMs === undefined || pid === undefined || offset !== this.#inspector.received) return undefined;
    const files = await this.#files;
    return { timelineId: timeline.timelineId, offset, pid, atMs: this.#lostAtMs, ...(files ? { files } : {}) };
  }

  /** Whoever asks, and if it was before we came: lets go of Redis at once, stores what has come, and then gives up. */
  #whenToLeave(signal: AbortSignal): Disposable {
    const asked = AbortSignal.any([signal, this.#deps.draining]);
    const leave = () => this.#leave.abort();
    let farewell: NodeJS.Timeout | undefined;
    this.#tooLate.promise.catch(() => undefined); // it is nobody's news unless a segment is under way
    this.#giveUp.signal.addEventListener('abort', () => this.#tooLate.reject(this.#giveUp.signal.reason));
    this.#leave.signal.addEventListener('abort', () => {
      this.#attached.follower.close(); // the stream ends, with what had arrived
      farewell = setTimeout(() => this.#giveUp.abort(), FAREWELL_MS);
    });
    asked.addEventListener('abort', leave);
    if (asked.aborted) leave();
    const hour = setTimeout(
      () => {
        this.#isOld = true;
        this.#news.tell();
      },
      STAY_MS + Math.round(Math.random() * STAY_SPREAD_MS),
    );
    return {
      [Symbol.dispose]() {
        asked.removeEventListener('abort', leave);
        clearTimeout(farewell);
        clearTimeout(hour);
      },
    };
  }

  /** Takes bytes as fast as they come, into memory and then onto the spool, and never waits for the store before these are full. */
  async #receive(): Promise<void> {
    const options = { ...(this.#deps.spool ?? { directory: '', maxBytes: 0 }), memoryBytes: SPOOL_MEMORY_BYTES };
    try {
      for await (const piece of spool(this.#untilLost(), options)) {
        this.#segmenter.add(piece as Buffer);
        this.#news.tell();
        while (this.#segmenter.isFull && !this.#ended) await this.#news.next();
        if (this.#ended) return;
      }
    } catch (error) {
      this.#lost ??= error; // the spool can't be read; nobody awaits us yet
    } finally {
      this.#end();
    }
  }

  /** The end of the connection is an end like others for what has come before it: that must be stored. */
  async *#untilLost(): AsyncGenerator<Buffer> {
    try {
      yield* this.#inspector.pass(this.#lateness.watch(this.#attached.follower.stream()));
    } catch (error) {
      this.#lost ??= error;
      this.#lostAtMs = this.#deps.now();
      this.#files = this.#filesAtItsEnd();
    }
  }

  /** What has come is stored, and then a new base is taken. */
  #leaveFor(hole: LogHole): void {
    this.#lost ??= hole;
    this.#attached.follower.close();
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#news.tell();
  }

  async #store(): Promise<void> {
    this.#report();
    for (;;) {
      if (this.#isOld && !this.#isBehind()) this.#leave.abort();
      const nowMs = this.#clock();
      const draft = this.#segmenter.take(nowMs, this.#ended);
      if (draft) await this.#put(draft);
      else if (this.#ended) return;
      else await this.#news.next(this.#segmenter.dueIn(nowMs) || undefined); // 0: it is due, and waits for its last byte
      this.#report();
    }
  }

  /** What waits would be thrown away, and Redis may have dropped it: then it is no time to begin anew. */
  #isBehind(): boolean {
    return this.#inspector.received - this.#stored.offset > this.#settings.segmentBytes;
  }

  async #put(draft: SegmentDraft): Promise<void> {
    const { pieces, ...facts } = draft;
    const { timelineId, instance, shard } = this.#attached.timeline;
    const header: NewSegment = {
      formatVersion: ARCHIVE_FORMAT_VERSION,
      kind: 'segment',
      timelineId,
      instance,
      shard,
      attempt: this.#attempt,
      ...facts,
    };
    this.#underWayAtMs = draft.firstAtMs;
    await this.#persistently(() => this.#archive.putSegment(header, pieces, { signal: this.#giveUp.signal }));
    this.#underWayAtMs = undefined;
    this.#stored = { offset: draft.end, atMs: draft.lastAtMs };
    this.#log.add({ start: draft.start, end: draft.end });
    this.#attached.follower.acknowledge(draft.end);
    this.#news.tell(); // there is room for more
  }

  /**
   * While the store is away we hold what Redis may have dropped from its backlog long ago. To end would throw it away and
   * make a gap, so it is tried for as long as we may stay.
   */
  async #persistently(put: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await Promise.race([put(), this.#tooLate.promise]); // a store that hangs does not hear a signal
        this.#storeError = undefined;
        return;
      } catch (error) {
        this.#giveUp.signal.throwIfAborted();
        if (!isPassing(error)) throw error;
        this.#storeError = messageOf(error);
        await sleep(STORE_PAUSE_MS, undefined, { signal: this.#giveUp.signal });
      }
    }
  }

  /** Redis pings who follows it: only silence beyond its period says something. */
  #silentMs(): number | undefined {
    const ms = this.#attached.follower.silentMs();
    return ms > this.#attached.pings.ms ? ms : undefined;
  }

  #report(): void {
    const { rpo, progress } = followReport({
      stored: this.#stored,
      first: this.#attached.timeline.first,
      received: this.#inspector.received,
      nowMs: this.#clock(),
      oldestAtMs: this.#underWayAtMs ?? this.#segmenter.oldestAtMs,
      silentMs: this.#silentMs(),
      foreign: this.#inspector.foreign,
      storeError: this.#storeError,
      hole: this.#options.hole,
    });
    this.#rpo.known(rpo);
    currentJob().progress(progress);
  }
}

/** Keys that were rotated are refused until somebody writes the new ones, which each try reads. */
const isPassing = (error: unknown): boolean =>
  error instanceof RecoveryError && (ERRORS[error.code].retryable || error.code === 'STORE_DENIED');

function every(ms: number, work: () => void): Disposable {
  const timer = setInterval(work, ms);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
