import { randomUUID } from 'node:crypto';
import type { FollowResult } from '../../model/archiving.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatDuration } from '../../model/format.ts';
import { ONLY_SHARD } from '../../model/instance.ts';
import { ARCHIVE_FORMAT_VERSION } from '../../model/timeline.ts';
import type { Archive, NewSegment } from '../../repository/archive/archive.ts';
import { spool } from '../../repository/pipeline/spool.ts';
import { currentJob } from '../job-context.ts';
import type { ArchiveSettings, ProtectedInstance, World } from '../world.ts';
import { type Attached, attach } from './attach.ts';
import { steadyClock } from './clock.ts';
import { type SegmentDraft, Segmenter } from './segmenter.ts';
import { StreamTap } from './tap.ts';

/** A stay ends after this long and is begun anew, so that no activity grows old. Spread, so that not all end together. */
const STAY_MS = 3600_000;
const STAY_SPREAD_MS = 300_000;
/** In memory before the disk is used; the segment under way comes on top. */
const SPOOL_MEMORY_BYTES = 16 * 1024 * 1024;
/** Bytes that wait for the store in memory, in segments of at most this, before Redis has to wait. */
const PENDING_BYTES = 32 * 1024 * 1024;
/** How long what has come may take to be stored when the stay ends. */
const FAREWELL_MS = 8_000;

export const createFollowActivities = (world: World) => ({
  /**
   * Follows the stream of one Redis into immutable segments until an hour is over, the worker drains, or it is cancelled.
   * Acknowledges only what is stored. A retry goes on at the last stored byte, never at a heartbeat: whatever was not
   * stored, Redis still has. Two that run at once never both write: each offset is created once.
   * @throws RecoveryError `ARCHIVER_REPLACED`; those of Redis and of the store
   */
  async followStream({ instance }: { instance: string }): Promise<FollowResult> {
    const target = await world.instance(instance);
    const settings = requireArchive(target);
    const archive = await world.archive(instance, ONLY_SHARD);
    const attached = await attach(world, target, archive, ONLY_SHARD);
    try {
      return await new Stay(world, settings, archive, attached).run();
    } finally {
      attached.follower.close();
    }
  },
});

/** One stay at one Redis: bytes come in on one side and leave as objects on the other. */
class Stay {
  readonly #world: World;
  readonly #archive: Archive;
  readonly #attached: Attached;
  readonly #segmenter: Segmenter;
  readonly #tap: StreamTap;
  readonly #clock: () => number;
  readonly #attempt = randomUUID();
  #stored: { offset: number; atMs: number };
  #wake: () => void = () => undefined;
  #ended = false;
  #lost: unknown;

  constructor(world: World, settings: ArchiveSettings, archive: Archive, attached: Attached) {
    const { offset, state, lastAtMs } = attached;
    this.#world = world;
    this.#archive = archive;
    this.#attached = attached;
    this.#clock = steadyClock(world.now, lastAtMs);
    this.#segmenter = new Segmenter({
      start: offset,
      state,
      lastAtMs,
      ageMs: settings.segmentAgeMs,
      bytes: settings.segmentBytes,
    });
    this.#stored = { offset, atMs: lastAtMs };
    this.#tap = new StreamTap(attached, this.#segmenter, {
      settings,
      clock: this.#clock,
      onGetAck: (offset) => this.#segmenter.flush(offset),
    });
  }

  async run(): Promise<FollowResult> {
    const { signal } = currentJob();
    const stayMs = STAY_MS + Math.round(Math.random() * STAY_SPREAD_MS);
    const leave = AbortSignal.any([signal, this.#world.draining, AbortSignal.timeout(stayMs)]);
    const closing = () => this.#attached.follower.close(); // what has arrived is still stored
    leave.addEventListener('abort', closing, { once: true });
    this.#attached.follower.acknowledge(this.#stored.offset);
    const receiving = this.#receive();
    try {
      await this.#store(leave);
    } finally {
      leave.removeEventListener('abort', closing);
      this.#attached.follower.close();
      this.#ended = true;
      await receiving;
    }
    signal.throwIfAborted();
    if (this.#lost !== undefined && !leave.aborted) throw this.#lost;
    const { offset, atMs } = this.#stored;
    return {
      ended: this.#world.draining.aborted ? 'draining' : 'hour',
      timelineId: this.#attached.timeline.timelineId,
      storedOffset: offset,
      storedUpTo: new Date(atMs).toISOString(),
    };
  }

  /** Takes bytes as fast as they come, into memory and then onto the spool, and never waits for the store before these are full. */
  async #receive(): Promise<void> {
    const options = { ...(this.#world.spool ?? { directory: '', maxBytes: 0 }), memoryBytes: SPOOL_MEMORY_BYTES };
    for await (const piece of spool(this.#untilLost(), options)) {
      this.#segmenter.add(piece as Buffer);
      this.#notify();
      while (this.#segmenter.pendingBytes > PENDING_BYTES && !this.#ended) await this.#changed();
      if (this.#ended) return;
    }
    this.#ended = true;
    this.#notify();
  }

  /** The end of the connection is an end like others for what has come before it: that must be stored. */
  async *#untilLost(): AsyncGenerator<Buffer> {
    try {
      yield* this.#tap.pass(this.#attached.follower.stream());
    } catch (error) {
      this.#lost = error;
    }
  }

  async #store(leave: AbortSignal): Promise<void> {
    let deadline = Number.POSITIVE_INFINITY;
    for (;;) {
      if (leave.aborted) deadline = Math.min(deadline, this.#world.now() + FAREWELL_MS);
      const draft = this.#segmenter.take(this.#clock(), this.#ended);
      if (draft) await this.#put(draft, this.#world.now() > deadline ? leave : undefined);
      else if (this.#ended) return;
      else await this.#changed(this.#segmenter.dueIn(this.#clock()));
      this.#report();
    }
  }

  async #put(draft: SegmentDraft, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
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
    await this.#archive.putSegment(header, pieces);
    this.#stored = { offset: draft.end, atMs: draft.lastAtMs };
    this.#attached.follower.acknowledge(draft.end);
    this.#notify();
  }

  #report(): void {
    const oldest = this.#segmenter.oldestAtMs;
    const lagMs = oldest === undefined ? 0 : Math.max(0, this.#clock() - oldest);
    const { offset } = this.#stored;
    currentJob().progress({
      stage: 'follow',
      storedBytes: offset - this.#attached.timeline.first,
      doneBytes: this.#tap.received - this.#attached.timeline.first,
      rpoSeconds: lagMs / 1000,
      note: `stored up to offset ${offset}${lagMs > 0 ? `, the oldest unstored write is ${formatDuration(lagMs)} old` : ''}`,
    });
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = () => undefined;
    wake();
  }

  /** Resolves at the next news, or after so many milliseconds. */
  async #changed(ms?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const earlier = this.#wake;
    this.#wake = () => {
      earlier();
      resolve();
    };
    const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  }
}

function requireArchive(target: ProtectedInstance): ArchiveSettings {
  if (target.archive) return target.archive;
  throw new RecoveryError('CONFIG_INVALID', `no continuous log is configured for ${target.name}`, {
    next: `Add \`archive: {}\` to instances.${target.name}, then restart the worker.`,
  });
}
