import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { STREAM_BEGIN } from '../../../model/archive/stream-state.ts';
import { RecoveryError } from '../../../model/errors.ts';
import { Archive } from '../../../repository/archive/archive.ts';
import { type Random, randomFrom } from '../../support/random.ts';
import { collect } from '../bodies.ts';
import { itBehavesLikeAnObjectStore } from '../object-store-conformance.ts';
import { bytesOf, sampleSegment, sampleTimeline, stateAt, storeStream, streamOf, TIMELINE_ID } from './fixtures.ts';
import { MemoryStore } from './memory-store.ts';

const CASES = Number(process.env.CASES) || 150;

describe('MemoryStore', () => itBehavesLikeAnObjectStore(async () => new MemoryStore()));

/** What may happen to the objects of an archive, from outside. */
const DAMAGES = {
  missing: (store: MemoryStore, key: string) => void store.objects.delete(key),
  truncated: (store: MemoryStore, key: string, random: Random) =>
    change(store, key, (bytes) => bytes.subarray(0, random.below(bytes.length))),
  grown: (store: MemoryStore, key: string) => change(store, key, (bytes) => Buffer.concat([bytes, bytes])),
  flipped: (store: MemoryStore, key: string, random: Random) =>
    change(store, key, (bytes) => {
      const copy = Buffer.from(bytes);
      const at = random.below(copy.length);
      copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
      return copy;
    }),
  doubled: (store: MemoryStore, key: string, random: Random) =>
    void store.objects.set(otherName(key, random), objectOf(store, key)),
  renamed: (store: MemoryStore, key: string, random: Random) => {
    store.objects.set(otherName(key, random), objectOf(store, key));
    store.objects.delete(key);
  },
  swapped: (store: MemoryStore, key: string, random: Random) => {
    const other = random.pick(segmentKeys(store));
    const [a, b] = [objectOf(store, key), objectOf(store, other)];
    store.objects.set(key, b).set(other, a);
  },
  grafted: (store: MemoryStore, key: string, random: Random) => {
    const other = objectOf(store, random.pick(segmentKeys(store))).bytes;
    change(store, key, (bytes) => Buffer.concat([bytes.subarray(0, frameAt(bytes)), other.subarray(frameAt(other))]));
  },
};

const objectOf = (store: MemoryStore, key: string) => store.objects.get(key) ?? { bytes: Buffer.alloc(0), modifiedAtMs: 0 };
const segmentKeys = (store: MemoryStore): string[] => [...store.objects.keys()].filter((key) => key.endsWith('.zst'));
const frameAt = (bytes: Buffer): number => 8 + (bytes.length < 8 ? 0 : bytes.readUInt32LE(4));
const otherName = (key: string, random: Random): string =>
  key.replace(/\d{16}(?=\.aof)/, (start) => String(Number(start) + random.below(400) - 200).padStart(16, '0'));
const change = (store: MemoryStore, key: string, how: (bytes: Buffer) => Buffer): void => {
  const { bytes, modifiedAtMs } = objectOf(store, key);
  store.objects.set(key, { bytes: how(bytes), modifiedAtMs });
};

describe('an archive that was damaged from outside', () => {
  it('gives exactly the right bytes, or refuses', async () => {
    const outcomes: Record<string, number> = {};
    const oneCase = async (seed: number) => {
      const random = randomFrom(seed);
      const store = new MemoryStore();
      const archive = new Archive(store, { instance: 'main', shard: '0' });
      const lengths = Array.from({ length: 1 + random.below(12) }, () => 1 + random.below(300));
      const { stream } = await storeStream(archive, lengths);
      if (random.below(2) === 0) await compactSome(archive, store, random);
      for (let damages = random.below(4); damages > 0 && segmentKeys(store).length > 0; damages--) {
        const name = random.pick(Object.keys(DAMAGES)) as keyof typeof DAMAGES;
        DAMAGES[name](store, random.pick(segmentKeys(store)), random);
      }
      const from = 1000 + random.below(stream.length);
      const to = from + random.below(stream.length + 1001 - from);
      const outcome = await read(archive, from, to, stream);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    };
    await fc.assert(fc.asyncProperty(fc.nat(2 ** 31 - 1), oneCase), { numRuns: CASES });
    assert.ok((outcomes.whole ?? 0) > CASES / 10 && (outcomes.ARCHIVE_GAP ?? 0) > 0 && (outcomes.ARCHIVE_CORRUPT ?? 0) > 0);
  }).timeout(600_000);

  it('never has a position behind something that is missing right there', async () => {
    const oneCase = async (seed: number) => {
      const random = randomFrom(seed);
      const store = new MemoryStore();
      const archive = new Archive(store, { instance: 'main', shard: '0' });
      const lengths = Array.from({ length: 2 + random.below(8) }, () => 1 + random.below(300));
      const { stream, starts } = await storeStream(archive, lengths);
      const name = random.pick(['missing', 'truncated'] as const);
      const index = starts.length - 1 - random.below(2);
      const hit = starts[index] ?? 0;
      DAMAGES[name](
        store,
        segmentKeys(store).find((key) => key.endsWith(`/${String(hit).padStart(16, '0')}.aof.zst`)) ?? '',
        random,
      );
      const found = await archive.position(TIMELINE_ID).then(
        ({ end, segments, beyond }) => ({ end, segments, beyond: beyond.length }),
        (error) => error.code,
      );
      const left = starts.length - index - (name === 'missing' ? 1 : 0);
      if (index > 0) assert.deepEqual(found, { end: hit, segments: index, beyond: left }, `${name} at ${hit}`);
      // Of the oldest, one that is missing is as one that retention took, and with one that is damaged nothing is left.
      else if (name === 'truncated') assert.equal(found, 'ARCHIVE_CORRUPT');
      else assert.deepEqual(found, { end: 1000 + stream.length, segments: 1, beyond: 0 });
    };
    await fc.assert(fc.asyncProperty(fc.nat(2 ** 31 - 1), oneCase), { numRuns: CASES });
  }).timeout(600_000);
});

/** A compaction that may be killed half way, so that the same bytes lie in two places. */
async function compactSome(archive: Archive, store: MemoryStore, random: Random): Promise<void> {
  let left = random.below(60);
  store.before = () => {
    if (left-- <= 0) throw new Error('killed');
  };
  const options = { nowMs: Date.now() + 86_400_000, maxRawBytes: 200 + random.below(2000) };
  await archive.compact(TIMELINE_ID, options).catch((error) => assert.equal(error.message, 'killed'));
  store.before = () => {};
}

async function read(archive: Archive, from: number, to: number, stream: Buffer): Promise<string> {
  try {
    const range = await archive.openRange(TIMELINE_ID, from, to);
    const found = await collect(range.body);
    assert.ok(range.start <= from && range.end === to);
    assert.deepEqual(range.startState, from === to ? STREAM_BEGIN : stateAt(range.start));
    assert.ok(found.equals(bytesOf(stream, from === to ? to : range.start, to)), 'wrong bytes, silently');
    return 'whole';
  } catch (error) {
    if (!(error instanceof RecoveryError)) throw error;
    assert.ok(error.code === 'ARCHIVE_GAP' || error.code === 'ARCHIVE_CORRUPT', `${error.code}: ${error.message}`);
    return error.code;
  }
}

describe('the fence of an archive', () => {
  it('lets two writers at once leave no overlap and no hole, and stops the loser', async () => {
    let stopped = 0;
    const oneCase = async (seed: number) => {
      const random = randomFrom(seed);
      const store = new MemoryStore();
      store.before = () => sleep(random.below(3)); // the order of what two writers ask for is any order
      const archive = new Archive(store, { instance: 'main', shard: '0' });
      const stream = streamOf(4000);
      await archive.createTimeline(sampleTimeline());
      const write = async (attempt: string, stopAfter: number): Promise<'replaced' | 'done'> => {
        let { end: at } = await archive.position(TIMELINE_ID);
        for (let i = 0; i < stopAfter && at < 5000; i++) {
          const end = Math.min(5000, at + 1 + random.below(300));
          const segment = sampleSegment(at, end, { attempt });
          try {
            await archive.putSegment(segment, [bytesOf(stream, at, end)]);
            if (random.below(4) === 0) await archive.putSegment(segment, [bytesOf(stream, at, end)]); // its answer was lost
          } catch (error) {
            assert.equal((error as RecoveryError).code, 'ARCHIVER_REPLACED');
            return 'replaced';
          }
          at = end;
        }
        return 'done';
      };
      const ends = await Promise.all([write('a', 6), write('b', 6)]);
      assert.ok(ends.includes('done'), 'both were stopped');
      stopped += ends.filter((end) => end === 'replaced').length;
      await write('c', 1000);
      assert.equal(await read(archive, 1000, (await archive.position(TIMELINE_ID)).end, stream), 'whole');
    };
    await fc.assert(fc.asyncProperty(fc.nat(2 ** 31 - 1), oneCase), { numRuns: Math.ceil(CASES / 15) });
    assert.ok(stopped > 0, 'no two of them met');
  }).timeout(600_000);
});
