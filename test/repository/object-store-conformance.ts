import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { RecoveryError } from '../../model/errors.ts';
import type { ObjectStore } from '../../repository/stores/object-store.ts';
import { bytes, collect, cutShort, keysOf, never, refuses, size, text } from './bodies.ts';

/** What a store of some dialect cannot do, or need not show again. */
interface Allowances {
  /** It looks whether a key is taken, and then writes: of two at once both may win. */
  withoutFence?: boolean;
  /** Keys of the listing that goes across pages; S3 gives 1,000 a page. */
  listed?: number;
  /** Larger than one part of an upload, so that it takes the long way there; not a multiple of anything. */
  large?: number;
  /** Runs one promise, for whoever takes more than that it is held. */
  judge?: (promise: () => Promise<void>) => Promise<void>;
}

/** What must be alike in every store. `open` gives a store that is empty. */
export function itBehavesLikeAnObjectStore(
  open: () => Promise<ObjectStore>,
  { withoutFence = false, listed = 1_005, large = 20 * 1024 * 1024 + 4_321, judge = (run) => run() }: Allowances = {},
): void {
  let store: ObjectStore;
  before(async () => {
    store = await open();
  });
  after(() => store.close());
  const promise = (what: string, run: () => Promise<void>) => it(what, () => judge(run));
  /** A prefix that no other test has. */
  const fresh = () => `t-${randomUUID()}`;

  describe('put and get', () => {
    promise('gives back what was put, and says how large it is', async () => {
      const key = `${fresh()}/a/b.json`;
      assert.equal((await store.put(key, bytes('hello ', 'world'))).sizeBytes, 11);
      const { modifiedAtMs = 0, ...info } = (await store.head(key)) ?? {};
      assert.ok(Math.abs(modifiedAtMs - Date.now()) < 60_000, 'time of the store');
      assert.equal(await text(await store.get(key)), 'hello world');
      assert.deepEqual(info, { key, sizeBytes: 11 });
    });

    promise('keeps an object of no bytes', async () => {
      const key = `${fresh()}/empty`;
      assert.equal((await store.put(key, bytes())).sizeBytes, 0);
      assert.equal(await text(await store.get(key)), '');
      assert.equal(await text(await store.get(key, { offset: 5 })), '');
    });

    promise('reads from an offset; at the end and past it there is nothing', async () => {
      const key = `${fresh()}/ten`;
      await store.put(key, bytes('0123456789'));
      assert.equal(await text(await store.get(key, { offset: 7 })), '789');
      assert.equal(await text(await store.get(key, { offset: 10 })), '');
      assert.equal(await text(await store.get(key, { offset: 999 })), '');
    });

    promise('reads no more than it is asked for', async () => {
      const key = fresh();
      await store.put(key, bytes('0123456789'));
      assert.equal(await text(await store.get(key, { length: 4 })), '0123');
      assert.equal(await text(await store.get(key, { offset: 3, length: 4 })), '3456');
      assert.equal(await text(await store.get(key, { offset: 8, length: 4 })), '89');
      assert.equal(await text(await store.get(key, { offset: 10, length: 4 })), '');
      assert.equal(await text(await store.get(key, { length: 0 })), '');
      assert.equal(await text(await store.get(key, { length: 999 })), '0123456789');
      await refuses(store.get(`${fresh()}/nothing`, { length: 4 }), 'OBJECT_MISSING');
    });

    promise('lends the chunks of a large object one by one, byte for byte', async () => {
      const key = `${fresh()}/lent`;
      const data = randomBytes(large);
      await store.put(key, bytes(data));
      for (const offset of [0, 1_000]) {
        const copies: Buffer[] = [];
        for await (const chunk of await store.get(key, { offset, lends: true })) copies.push(Buffer.from(chunk));
        assert.ok(data.subarray(offset).equals(Buffer.concat(copies)));
      }
    });

    promise('streams a large object both ways, byte for byte', async () => {
      const key = `${fresh()}/large`;
      const data = randomBytes(large);
      const seen: number[] = [];
      const info = await store.put(key, inChunks(data), { ifAbsent: true, onProgress: (stored) => seen.push(stored) });
      assert.equal(info.sizeBytes, large);
      assert.equal(seen.at(-1), large);
      assert.deepEqual(
        seen,
        [...seen].sort((a, b) => a - b),
        'progress only grows',
      );
      assert.equal(await digest(await store.get(key)), createHash('sha256').update(data).digest('hex'));
      const rest = await collect(await store.get(key, { offset: large - 100 }));
      assert.deepEqual(rest, data.subarray(-100));
    });

    promise('lets go of a large object that is read only in part', async () => {
      const key = `${fresh()}/large`;
      await store.put(key, inChunks(randomBytes(large)));
      for await (const chunk of await store.get(key)) {
        assert.ok(chunk.length > 0);
        break;
      }
      assert.equal(await size(await store.get(key)), large);
    });

    promise('says OBJECT_MISSING before the first byte', async () => {
      await refuses(store.get(`${fresh()}/nothing`), 'OBJECT_MISSING');
      await refuses(store.get(`${fresh()}/nothing`, { offset: 3 }), 'OBJECT_MISSING');
      assert.equal(await store.head(`${fresh()}/nothing`), undefined);
    });

    for (const key of [
      '../x',
      'a/../x',
      '/x',
      'a//x',
      'a/',
      '',
      'a\\x',
      '.hidden',
      'a/.x',
      'a\0b',
      'ä',
      'a b',
      'x'.repeat(300),
    ]) {
      promise(`refuses the key ${JSON.stringify(key.slice(0, 12))}`, async () => {
        await refuses(store.put(key, bytes('x')), 'INPUT_INVALID');
        await refuses(store.get(key), 'INPUT_INVALID');
        await refuses(store.head(key), 'INPUT_INVALID');
        await refuses(store.delete(key), 'INPUT_INVALID');
      });
    }
  });

  describe('a write that fails', () => {
    promise('keeps the old object when the body is cut short', async () => {
      const key = `${fresh()}/a`;
      await store.put(key, bytes('old'));
      await assert.rejects(store.put(key, cutShort('ne')), /connection lost/);
      assert.equal(await text(await store.get(key)), 'old');
    });

    promise('leaves nothing of a large body that is cut short', async () => {
      const prefix = fresh();
      await assert.rejects(store.put(`${prefix}/a`, cutShort(randomBytes(large))), /connection lost/);
      assert.deepEqual(await keysOf(store, `${prefix}/`), []);
      assert.deepEqual(await store.listNames(`${prefix}/`), []);
      assert.deepEqual(await store.sweepUnfinished(prefix, Date.now() + 60_000, { dryRun: true }), []);
    });

    promise('passes the error of the body on as it is', async () => {
      const mine = new RecoveryError('REPLICATION_INTERRUPTED', 'mine', { next: 'x' });
      await assert.rejects(store.put(`${fresh()}/a`, cutShort('x', mine)), (error) => error === mine);
      const socket = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
      await assert.rejects(store.put(`${fresh()}/a`, cutShort('x', socket)), (error) => error === socket);
    });

    promise('closes the body', async () => {
      let closed = false;
      const body = (async function* () {
        try {
          yield Buffer.from('x');
          throw new Error('connection lost');
        } finally {
          closed = true;
        }
      })();
      await assert.rejects(store.put(`${fresh()}/a`, body), /connection lost/);
      assert.ok(closed);
    });
  });

  describe('a write that is cancelled', () => {
    promise('ends with the reason of the signal and leaves nothing, even while the body waits', async () => {
      const prefix = fresh();
      const stop = new AbortController();
      const reason = new Error('cancelled by a person');
      const writing = store.put(
        `${prefix}/a`,
        never(randomBytes(large), () => stop.abort(reason)),
        { signal: stop.signal },
      );
      await assert.rejects(writing, (error) => error === reason);
      assert.deepEqual(await keysOf(store, `${prefix}/`), []);
      assert.deepEqual(await store.sweepUnfinished(prefix, Date.now() + 60_000, { dryRun: true }), []);
    });

    promise('does not begin when the signal has aborted before', async () => {
      const prefix = fresh();
      await assert.rejects(
        store.put(`${prefix}/a`, bytes('x'), { signal: AbortSignal.abort(new Error('too late')) }),
        /too late/,
      );
      await assert.rejects(store.get(`${prefix}/a`, { signal: AbortSignal.abort(new Error('too late')) }), /too late/);
      assert.deepEqual(await keysOf(store, `${prefix}/`), []);
    });

    promise('ends a read in the middle', async () => {
      const key = `${fresh()}/large`;
      await store.put(key, inChunks(randomBytes(large)));
      const stop = new AbortController();
      await assert.rejects(async () => {
        for await (const _ of await store.get(key, { signal: stop.signal })) stop.abort(new Error('enough'));
      }, /enough/);
    });
  });

  describe('put with ifAbsent', () => {
    promise('refuses a key that is taken, and keeps what is there', async () => {
      const key = `${fresh()}/a`;
      await store.put(key, bytes('first'), { ifAbsent: true });
      await refuses(store.put(key, bytes('second'), { ifAbsent: true }), 'OBJECT_EXISTS');
      await refuses(store.put(key, inChunks(randomBytes(large)), { ifAbsent: true }), 'OBJECT_EXISTS');
      assert.equal(await text(await store.get(key)), 'first');
      assert.deepEqual(await store.sweepUnfinished(key, Date.now() + 60_000, { dryRun: true }), []);
    });

    promise('replaces a key without it', async () => {
      const key = `${fresh()}/a`;
      await store.put(key, bytes('first'));
      await store.put(key, bytes('second'));
      assert.equal(await text(await store.get(key)), 'second');
    });

    for (const [what, bytesEach] of [
      ['small', 100],
      ['large', large],
    ] as const) {
      if (withoutFence) continue;
      promise(`lets exactly one of several ${what} writers win`, async () => {
        const key = `${fresh()}/race`;
        const bodies = [1, 2, 3].map((fill) => Buffer.alloc(bytesEach, fill));
        const outcomes = await Promise.allSettled(bodies.map((body) => store.put(key, inChunks(body), { ifAbsent: true })));
        const won = outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [index] : []));
        const lost = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []));
        assert.equal(won.length, 1);
        assert.deepEqual(lost, ['OBJECT_EXISTS', 'OBJECT_EXISTS']);
        const winner = bodies[won[0] ?? -1] ?? Buffer.alloc(0);
        assert.equal(await digest(await store.get(key)), createHash('sha256').update(winner).digest('hex'));
      });
    }
  });

  describe('list', () => {
    promise('gives every key under a prefix in byte order, whatever the folders', async () => {
      const prefix = fresh();
      const keys = ['a', 'a-b', 'a.b', 'a/b', 'a/b-c', 'a/b/c', 'a0', 'ab', 'b/A', 'b/a', 'b/a1'].map(
        (key) => `${prefix}/x${key}`,
      );
      // A file `a` and a folder `a` cannot both be in a directory: that much every store must be spared.
      const put = keys.filter((key) => !keys.some((other) => other.startsWith(`${key}/`)));
      for (const key of [...put].reverse()) await store.put(key, bytes(key));
      assert.deepEqual(await keysOf(store, `${prefix}/`), [...put].sort());
      assert.deepEqual(await keysOf(store, `${prefix}/xa/`), put.filter((key) => key.startsWith(`${prefix}/xa/`)).sort());
      assert.deepEqual(await keysOf(store, `${prefix}/xb/a`), [`${prefix}/xb/a`, `${prefix}/xb/a1`]);
    });

    promise('begins behind the key that it is told', async () => {
      const prefix = fresh();
      for (const key of ['a', 'a-b', 'b/c', 'd']) await store.put(`${prefix}/x${key}`, bytes('x'));
      const all = await keysOf(store, `${prefix}/`);
      for (const [at, key] of all.entries()) assert.deepEqual(await keysOf(store, `${prefix}/`, key), all.slice(at + 1));
    });

    promise('is empty under a prefix that nobody used', async () => {
      assert.deepEqual(await keysOf(store, `${fresh()}/`), []);
      assert.deepEqual(await store.listNames(`${fresh()}/`), []);
    });

    promise('names the next level, and only what lies under it', async () => {
      const prefix = fresh();
      for (const key of ['one/a', 'one/b/c', 'two/a', 'file']) await store.put(`${prefix}/${key}`, bytes('x'));
      assert.deepEqual(await store.listNames(`${prefix}/`), ['one', 'two']);
      assert.ok((await store.listNames('')).includes(prefix));
    });

    promise('goes across pages', async () => {
      const prefix = fresh();
      const keys = Array.from({ length: listed }, (_, index) => `${prefix}/${String(index).padStart(5, '0')}`);
      for (let at = 0; at < keys.length; at += 50) {
        await Promise.all(keys.slice(at, at + 50).map((key) => store.put(key, bytes('x'))));
      }
      assert.deepEqual(await keysOf(store, `${prefix}/`), keys);
    }).timeout(120_000);

    promise('can be cancelled between two keys', async () => {
      const prefix = fresh();
      for (const key of ['a', 'b']) await store.put(`${prefix}/${key}`, bytes('x'));
      const stop = new AbortController();
      await assert.rejects(async () => {
        for await (const _ of store.list(`${prefix}/`, { signal: stop.signal })) stop.abort(new Error('enough'));
      }, /enough/);
    });
  });

  describe('delete', () => {
    promise('removes the object, and no trace of its folders stays', async () => {
      const prefix = fresh();
      await store.put(`${prefix}/a/b/c`, bytes('x'));
      await store.delete(`${prefix}/a/b/c`);
      assert.equal(await store.head(`${prefix}/a/b/c`), undefined);
      assert.deepEqual(await store.listNames(`${prefix}/`), []);
    });

    promise('is content with what is not there', async () => {
      await store.delete(`${fresh()}/nothing`);
    });
  });

  promise('can be asked whether it is there', async () => {
    await store.probe();
    assert.match(store.url, /^(file|s3):\/\//);
  });
}

async function* inChunks(data: Buffer, chunkBytes = 200_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += chunkBytes) yield data.subarray(at, at + chunkBytes);
}

async function digest(body: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk);
  return hash.digest('hex');
}
