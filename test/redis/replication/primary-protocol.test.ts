import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { type ServedPrimary, type ServePrimaryOptions, servePrimary } from '../../../redis/replication/primary.ts';
import { RequestReader } from '../../../redis/replication/requests.ts';
import { freePort } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { connectTo, type FakeFollower } from '../support/fake-follower.ts';
import { feedOf, gatedFeedOf } from '../support/live-source.ts';

const REPLID = 'a'.repeat(40);
const RDB = Buffer.from('REDIS0010 pretended');
const LOG = Buffer.from('*1\r\n$4\r\nPING\r\n');
const GETACK = '*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n';
const WHOLE = `+FULLRESYNC ${REPLID} 5000\r\n$${RDB.length}\r\n${RDB}${LOG}${GETACK}`;

const serve = (options: Partial<ServePrimaryOptions> = {}): Promise<ServedPrimary> =>
  servePrimary({
    listenHost: '127.0.0.1',
    port: 0,
    password: 'right',
    identity: { replid: REPLID, offset: 5000 },
    rdb: feedOf(RDB),
    log: feedOf(LOG),
    ...options,
  });

/** Signs in and asks for the data, as Redis does. */
async function follow(port: number, password = 'right'): Promise<FakeFollower> {
  const follower = await connectTo(port);
  follower.send('PING');
  follower.send('AUTH', password);
  follower.send('REPLCONF', 'listening-port', '7000');
  follower.send('REPLCONF', 'capa', 'eof', 'capa', 'psync2', 'capa', 'rdb-channel-repl');
  follower.send('PSYNC', REPLID, '1');
  return follower;
}

const disconnected = (visitor: FakeFollower) => until(() => visitor.isClosed, { what: 'it is disconnected', seconds: 5 });

describe('the protocol of a primary', () => {
  it('sends RDB, log and a request to confirm, and believes nothing less than the end of the log', async () => {
    await using primary = await serve();
    const follower = await follow(primary.port);
    await until(() => follower.text.endsWith(GETACK), { what: 'everything came', seconds: 5 });
    assert.equal(follower.text, `-NOAUTH Authentication required.\r\n+OK\r\n+OK\r\n+OK\r\n${WHOLE}`);
    follower.socket.write('\n\n'); // its sign of life while it loads
    follower.send('REPLCONF', 'ACK', `${5000 + LOG.length - 1}`);
    assert.equal(await Promise.race([primary.done, sleep(50, 'not yet')]), 'not yet');
    follower.send('REPLCONF', 'ACK', `${5000 + LOG.length}`);
    assert.deepEqual(await primary.done, { endOffset: 5000 + LOG.length, acknowledgedOffset: 5000 + LOG.length });
    assert.equal(primary.hasFollower, true);
    const { port } = primary;
    await until(() => follower.text.endsWith(`${GETACK}*1\r\n$4\r\nPING\r\n`), { what: 'it is kept alive', seconds: 5 });
    await primary.close();
    await disconnected(follower);
    await assert.rejects(connectTo(port), /ECONNREFUSED/);
  });

  it('serves one, and lets no stranger see or disturb anything', async () => {
    const gate = gatedFeedOf(Buffer.alloc(1024 * 1024, 'x'));
    await using primary = await serve({ rdb: gate.feed, feedWithinMs: 60_000, signInWithinMs: 200 });
    const strangers: [why: string, knock: (visitor: FakeFollower) => void, answer: string][] = [
      ['a wrong password', (visitor) => visitor.send('AUTH', 'wrong'), ''],
      ['a wrong user', (visitor) => visitor.send('AUTH', 'somebody', 'right'), ''],
      ['no password', (visitor) => visitor.send('PSYNC', '?', '-1'), ''],
      ['a guess behind a PING', (visitor) => { visitor.send('PING'); visitor.send('AUTH', ''); }, '-NOAUTH Authentication required.\r\n'],
      ['another protocol', (visitor) => visitor.socket.write('GET / HTTP/1.1\r\n\r\n'), ''],
      ['an endless request', (visitor) => visitor.socket.write(`*1\r\n$8000\r\n${'x'.repeat(9000)}`), ''],
      ['silence', () => undefined, ''],
    ]; // biome-ignore format: one line each
    const before = await Promise.all(strangers.slice(0, 3).map(() => connectTo(primary.port)));
    for (const [index, visitor] of before.entries()) strangers[index]?.[1](visitor);
    await Promise.all(before.map(disconnected));
    const follower = await follow(primary.port);
    await gate.reached;
    for (const [why, knock, answer] of strangers) {
      const visitor = await connectTo(primary.port);
      knock(visitor);
      await disconnected(visitor);
      assert.equal(visitor.text, answer, why);
    }
    const second = await follow(primary.port);
    await disconnected(second);
    assert.equal(second.text.includes('FULLRESYNC'), false);
    assert.equal(follower.isClosed, false);
    assert.ok(follower.text.includes('FULLRESYNC'));
  });

  it('talks to nobody from another address', async () => {
    await using primary = await serve({ allowedAddresses: ['192.0.2.1'], psyncWithinMs: 100 });
    primary.started();
    const stranger = await follow(primary.port);
    await disconnected(stranger);
    assert.equal(stranger.text, '');
    await assert.rejects(primary.done, { code: 'LIVE_FAILED', message: /127\.0\.0\.1 is no address of this Redis/ });
    await using other = await serve({ allowedAddresses: ['127.0.0.1'], user: 'loader' });
    const follower = await connectTo(other.port);
    follower.send('AUTH', 'loader', 'right');
    follower.send('PSYNC', '?', '-1');
    await until(() => follower.text.endsWith(GETACK), { what: 'everything came', seconds: 5 });
  });

  it('gives up when nobody comes in time, and says which path is closed', async () => {
    await using primary = await serve({ psyncWithinMs: 50 });
    primary.started();
    await assert.rejects(primary.done, {
      code: 'LIVE_FAILED',
      message: /within 50 ms: the path from Redis to the worker \(127\.0\.0\.1:\d+\) is closed$/,
      next: /egress policy/,
    });
  });

  it('says what came instead, without the password that it had', async () => {
    await using primary = await serve({ psyncWithinMs: 100 });
    primary.started();
    await follow(primary.port, 'hunter2');
    await assert.rejects(primary.done, (error: Error) => {
      assert.match(error.message, /127\.0\.0\.1 has another password/);
      assert.doesNotMatch(error.message, /hunter2|right/);
      return true;
    });
  });

  it('lets go of the follower at once when a feed stalls, fails, or has another length', async () => {
    const failing = { bytes: 9, async *open() { yield Buffer.from('REDIS'); throw new Error('the disk is gone'); } }; // biome-ignore format: short
    const cases: [Partial<ServePrimaryOptions>, RegExp][] = [
      [{ rdb: gatedFeedOf(RDB).feed, feedWithinMs: 50 }, /the RDB could not be read from the local disk for 50 ms/],
      [{ rdb: failing }, /the disk is gone/],
      [{ rdb: { ...feedOf(RDB), bytes: RDB.length + 1 } }, /the RDB is not as long as was said/],
      [{ rdb: { ...feedOf(RDB), bytes: RDB.length - 1 } }, /the RDB is not as long as was said/],
      [{ log: { ...feedOf(LOG), bytes: LOG.length + 1 } }, /the log is not as long as was said/],
    ];
    for (const [options, message] of cases) {
      await using primary = await serve(options);
      const follower = await follow(primary.port);
      await assert.rejects(primary.done, message);
      await disconnected(follower);
      assert.equal(follower.text.includes('GETACK'), false);
    }
  });

  it('answers +FULLRESYNC only when the first bytes are here, and keeps the follower waiting until then', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = { bytes: RDB.length, async *open() { await promise; yield RDB; } }; // biome-ignore format: short
    await using primary = await serve({ rdb: slow });
    const follower = await follow(primary.port);
    await until(() => follower.text.endsWith('+OK\r\n\n'), { what: 'a keepalive', seconds: 5 });
    resolve();
    await until(() => follower.text.endsWith(GETACK), { what: 'everything came', seconds: 5 });
    assert.match(follower.text, /\+OK\r\n\n+\+FULLRESYNC/);
  });

  it('says that the follower left, or why it was stopped', async () => {
    await using primary = await serve({ rdb: gatedFeedOf(RDB).feed, feedWithinMs: 60_000 });
    const follower = await follow(primary.port);
    await until(() => follower.text.includes('REDIS'), { seconds: 5 });
    follower.socket.destroy();
    await assert.rejects(primary.done, { code: 'LIVE_FAILED', message: /Redis left before/ });
    const abort = new AbortController();
    await using other = await serve({ signal: abort.signal });
    const waiting = await follow(other.port);
    abort.abort(new Error('enough'));
    await assert.rejects(other.done, /enough/);
    await disconnected(waiting);
  });

  it('reads no more than a few MiB ahead of a follower that does not read', async () => {
    let pulled = 0;
    const rdb = {
      bytes: 256 * 1024 * 1024,
      async *open() {
        for (; pulled < 256; pulled++) yield Buffer.alloc(1024 * 1024);
      },
    };
    await using primary = await serve({ rdb });
    const follower = await follow(primary.port);
    follower.socket.pause();
    let before = -1;
    while (pulled !== before) {
      before = pulled;
      await sleep(100); // until nothing moves any more: what is measured is that it stops
    }
    assert.ok(pulled < 24, `${pulled} MiB were read`);
    follower.socket.destroy();
  });

  it('says which address it cannot listen on', async () => {
    const port = await freePort();
    await using _ = await serve({ port });
    await assert.rejects(serve({ port }), { code: 'LIVE_FAILED', message: new RegExp(`cannot listen on 127.0.0.1:${port}`) });
  });
});

describe('requests to a primary', () => {
  it('are the same wherever packets end', () => {
    const words = fc.array(fc.string({ unit: 'binary-ascii', maxLength: 30 }), { minLength: 1, maxLength: 8 });
    const requests = fc.array(words, { maxLength: 5 });
    const property = fc.property(requests, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (sent, sizes) => {
      const text = sent
        .map((one) => `\n*${one.length}\r\n${one.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`)
        .join('');
      const reader = new RequestReader();
      const got: string[][] = [];
      for (let at = 0, turn = 0; at < text.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1;
        got.push(...reader.push(Buffer.from(text.slice(at, at + size), 'latin1')));
        at += size;
      }
      assert.deepEqual(got, sent);
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('that are no requests of Redis are refused at once', () => {
    for (const text of [
      'PING\r\n',
      '*\r\n',
      '*-1\r\n',
      '*1\r\n*1\r\n',
      '*1\r\n$99999\r\n',
      '*12345678',
      '*1\n$4\nPING\n',
      '$4\r\n',
    ]) {
      assert.throws(() => new RequestReader().push(Buffer.from(text)), Error, JSON.stringify(text));
    }
  });
});
