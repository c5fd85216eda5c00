import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { RecoveryError } from '../../model/errors.ts';
import {
  collectStored,
  type Described,
  decode,
  decodeCollected,
  type Encoded,
  encode,
  encodeWhole,
} from '../../repository/codec.ts';
import { inBlocks } from '../../repository/pipeline/blocks.ts';
import { counting, type Digest, digesting } from '../../repository/pipeline/digest.ts';
import { type SpoolOptions, spool } from '../../repository/pipeline/spool.ts';
import { compress, decompress } from '../../repository/pipeline/zstd.ts';
import { bytes, collect, cutShort, refuses, size } from './bodies.ts';

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');
const corrupt = (why: string) => new RecoveryError('BACKUP_CORRUPT', `s3://b/k ${why}`, { next: 'Restore another backup.' });
/** Compresses to about a half. */
const compressible = (length: number) =>
  Buffer.from(
    randomBytes(Math.ceil(length / 2))
      .toString('hex')
      .slice(0, length),
  );

describe('compress and decompress', () => {
  for (const level of [1, 3, 9]) {
    it(`give back every byte at level ${level}`, async () => {
      const data = compressible(3_000_001);
      const stored = await collect(compress(bytes(data.subarray(0, 10), data.subarray(10)), level));
      assert.ok(stored.length < data.length * 0.7);
      assert.ok(data.equals(await collect(decompress(bytes(stored), corrupt))));
    });
  }

  it('lend decompressed chunks until the next one is asked for, and then take their memory back', async () => {
    const data = compressible(3_000_001);
    const stored = await collect(compress(bytes(data)));
    const copies: Buffer[] = [];
    const lent: Buffer[] = [];
    for await (const chunk of decompress(bytes(stored), corrupt, { lends: true })) {
      copies.push(Buffer.from(chunk));
      lent.push(chunk);
    }
    assert.ok(data.equals(Buffer.concat(copies)));
    const kept = lent.reduce((sum, { length }) => sum + length, 0);
    assert.ok(kept <= 1024 * 1024, `${kept} bytes are still in memory`); // the last buffer is not full
  });

  it('give chunks that are not lent for good', async () => {
    const data = compressible(3_000_001);
    const stored = await collect(compress(bytes(data)));
    const chunks: Buffer[] = [];
    for await (const chunk of decompress(bytes(stored), corrupt)) chunks.push(chunk);
    assert.ok(data.equals(Buffer.concat(chunks)));
  });

  it('keep an empty body', async () => {
    const stored = await collect(compress(bytes()));
    assert.ok(stored.length > 0);
    assert.equal((await collect(decompress(bytes(stored), corrupt))).length, 0);
  });

  it('write what the zstd command reads, with a content checksum', async () => {
    const data = compressible(2_000_000);
    const stored = await collect(compress(bytes(data)));
    assert.ok(data.equals(execFileSync('zstd', ['-dc'], { input: stored, maxBuffer: 1 << 26 })));
    assert.equal((stored[4] ?? 0) & 0b100, 0b100, 'Content_Checksum_flag, RFC 8878 section 3.1.1.1.1');
  });

  it('refuse a flipped bit anywhere', async () => {
    const stored = await collect(compress(bytes(compressible(200_000))));
    for (const at of [0, 4, 100, stored.length >> 1, stored.length - 2]) {
      const damaged = Buffer.from(stored);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      await refuses(collect(decompress(bytes(damaged), corrupt)), 'BACKUP_CORRUPT', /^s3:\/\/b\/k does not decompress/);
    }
  });

  it('refuse a frame that ends too early', async () => {
    const stored = await collect(compress(bytes(compressible(200_000))));
    for (const length of [3, 20, stored.length >> 1, stored.length - 1]) {
      await refuses(collect(decompress(bytes(stored.subarray(0, length)), corrupt)), 'BACKUP_CORRUPT');
    }
  });

  it('pass on the error of their source, and close it when nobody reads on', async () => {
    await assert.rejects(collect(compress(cutShort('x'))), /connection lost/);
    await assert.rejects(collect(decompress(cutShort(''), corrupt)), /connection lost/);
    let closed = false;
    const endless = (async function* () {
      try {
        for (;;) yield randomBytes(100_000);
      } finally {
        closed = true;
      }
    })();
    for await (const _ of compress(endless)) break;
    while (!closed) await new Promise(setImmediate);
  });

  it('decompress no further, and close their source, when nobody reads on', async () => {
    const stored = await collect(compress(bytes(compressible(20_000_000))));
    let given = 0;
    let closed = false;
    const source = (async function* () {
      try {
        for (; given < stored.length; given += 100_000) yield stored.subarray(given, given + 100_000);
      } finally {
        closed = true;
      }
    })();
    for await (const _ of decompress(source, corrupt)) break;
    while (!closed) await new Promise(setImmediate);
    assert.ok(given < stored.length / 2, `${given} of ${stored.length} bytes were asked for`);
  });
});

describe('compress', () => {
  it('keeps nothing of a chunk: whoever gave it may use its memory again', async () => {
    const chunk = Buffer.alloc(100_000);
    const given: Buffer[] = [];
    const reused = (async function* () {
      for (let n = 0; n < 200; n++) {
        randomBytes(50_000).copy(chunk);
        given.push(Buffer.from(chunk));
        yield chunk;
      }
    })();
    const stored: Buffer[] = [];
    for await (const part of compress(reused)) {
      stored.push(part);
      if (stored.length % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 1)); // a slow store: blocks queue up
    }
    const raw: Buffer[] = [];
    for await (const part of decompress(bytes(...stored), corrupt)) raw.push(part);
    assert.ok(Buffer.concat(raw).equals(Buffer.concat(given)));
  });
});

describe('inBlocks', () => {
  it('changes the size of chunks and nothing else', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 50 })),
        fc.integer({ min: 1, max: 64 }),
        async (chunks, blockBytes) => {
          const blocks: Buffer[] = [];
          for await (const block of inBlocks(bytes(...chunks.map((chunk) => Buffer.from(chunk))), blockBytes))
            blocks.push(Buffer.from(block));
          assert.deepEqual(Buffer.concat(blocks), Buffer.concat(chunks));
          assert.ok(blocks.every(({ length }) => length > 0));
        },
      ),
    ));
});

describe('digests', () => {
  it('say how many bytes went by and what their SHA-256 is', async () => {
    let found: Digest | undefined;
    await size(digesting(bytes('hello ', 'world'), (digest) => (found = digest)));
    assert.deepEqual(found, { bytes: 11, sha256: sha256(Buffer.from('hello world')) });
  });
});

describe('The codec', () => {
  const raw = compressible(500_000);
  const encoded = async () => {
    let end: Encoded | undefined;
    const stored = await collect(encode(bytes(raw), 1, (one) => (end = one)));
    assert.deepEqual(end, { bytes: stored.length, sha256: sha256(stored), compression: 'zstd' });
    const described: Described = { stored: end, rawBytes: raw.length, by: 'the manifest', corrupt };
    return { stored, described };
  };
  const ways: [string, (stored: Buffer, described: Described) => AsyncIterable<Buffer>][] = [
    ['as it comes', (stored, described) => decode(bytes(stored), described)],
    [
      'from memory',
      async function* (stored, described) {
        yield* decodeCollected(await collectStored(bytes(stored), described), described);
      },
    ],
  ];

  for (const [how, decoded] of ways) {
    it(`gives the content back ${how}, and refuses other bytes at their end, with the name of the object`, async () => {
      const { stored, described } = await encoded();
      assert.ok(raw.equals(await collect(decoded(stored, described))));
      const lies = { ...described, stored: { ...described.stored, sha256: 'a'.repeat(64) } };
      await refuses(collect(decoded(stored, lies)), 'BACKUP_CORRUPT', /^s3:\/\/b\/k has the SHA-256 \w+, the manifest says aaa/);
      const longer = { ...described, stored: { ...described.stored, bytes: stored.length + 1 } };
      await refuses(collect(decoded(stored, longer)), 'BACKUP_CORRUPT', /^s3:\/\/b\/k has \d+ bytes, the manifest says \d+$/);
    });

    it(`refuses ${how} what unpacks to another size, and stops before it fills a disk`, async () => {
      const { stored, described } = await encoded();
      let passed = 0;
      const tooMuch = decoded(stored, { ...described, rawBytes: 100_000 });
      await refuses(size(counting(tooMuch, (total) => (passed = total))), 'BACKUP_CORRUPT');
      assert.ok(passed <= 100_000, `${passed} bytes went out`);
      const tooLittle = decoded(stored, { ...described, rawBytes: raw.length + 1 });
      await refuses(collect(tooLittle), 'BACKUP_CORRUPT', /unpacks to fewer than the 500001 bytes of the manifest$/);
    });
  }

  it('makes the same of a body in memory', async () => {
    const { stored } = await encoded();
    const { encoded: end, frame } = await encodeWhole(bytes(raw), 1);
    assert.ok(stored.equals(Buffer.concat(frame)));
    assert.deepEqual(end, { bytes: stored.length, sha256: sha256(stored), compression: 'zstd' });
  });
});

describe('spool', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'redis-backup-spool-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));
  const options = (maxBytes: number, memoryBytes: number): SpoolOptions => ({ directory, maxBytes, memoryBytes });

  it('keeps every byte in order, whatever fits where', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 60 }),
        fc.record({ maxBytes: fc.integer({ min: 0, max: 200 }), memoryBytes: fc.integer({ min: 0, max: 100 }) }),
        fc.array(fc.boolean()),
        async (chunks, limits, waits) => {
          const seen: Uint8Array[] = [];
          let turn = 0;
          for await (const chunk of spool(bytes(...chunks.map((one) => Buffer.from(one))), { directory, ...limits })) {
            seen.push(chunk);
            if (waits[turn++ % Math.max(1, waits.length)]) await new Promise((resolve) => setTimeout(resolve, 1)); // a slow store
          }
          assert.deepEqual(Buffer.concat(seen), Buffer.concat(chunks));
        },
      ),
      { numRuns: 60 },
    )).timeout(60_000);

  it('takes all that fits from its source before anybody reads, and no more', async () => {
    let taken = 0;
    const source = counting(bytes(...Array.from({ length: 100 }, () => Buffer.alloc(1000, 7))), (total) => (taken = total));
    const spooled = spool(source, options(20_000, 10_000));
    const first = await spooled.next();
    assert.equal(first.value?.length, 1000);
    // 1 read, 10 in memory, 20 on disk, and one that waits for room.
    while (taken < 32_000) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(taken, 32_000);
    assert.equal(await size(spooled), 99_000);
  });

  it('has a file without a name, so that nothing stays after a kill', async () => {
    let taken = 0;
    const source = counting(bytes(...Array.from({ length: 50 }, () => Buffer.alloc(1000))), (total) => (taken = total));
    const spooled = spool(source, options(50_000, 1000));
    await spooled.next();
    while (taken < 50_000) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(await readdir(directory), []);
    await spooled.return(undefined);
    assert.deepEqual(await readdir(directory), []);
  });

  it('passes the error of its source on at once', async () => {
    const spooled = spool(cutShort(Buffer.alloc(5000)), options(50_000, 1000));
    await assert.rejects(collect(spooled), /connection lost/);
  });

  it('does without its file where it cannot be written, and says why', async () => {
    const told: unknown[] = [];
    const spooled = spool(bytes(...Array.from({ length: 9 }, () => Buffer.alloc(10))), {
      directory: join(directory, 'not-there'),
      maxBytes: 100,
      memoryBytes: 10,
      onUnusable: (error) => told.push(error),
    });
    let seen = 0;
    for await (const chunk of spooled) {
      seen += chunk.length;
      await new Promise((resolve) => setTimeout(resolve, 5)); // a slow store
    }
    assert.equal(seen, 90);
    assert.match(String(told), /ENOENT.*not-there/);
    assert.equal(told.length, 1);
  });
});
