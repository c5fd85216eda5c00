import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { BufferPool, type Lending } from '../../../redis/replication/buffer-pool.ts';
import { openRdbStream } from '../../../redis/replication/replica.ts';
import { bytesOf } from '../support/bytes-of.ts';
import { REPLID, startFakePrimary, withSnapshot } from '../support/fake-primary.ts';

const MARK = Buffer.from('0123456789abcdef0123456789abcdef01234567');
const FULLRESYNC = `+FULLRESYNC ${REPLID} 4711\r\n`;

/** The same bytes, cut before each of the positions. */
function cut(bytes: Buffer, positions: number[]): Buffer[] {
  const edges = [0, ...[...new Set(positions)].sort((one, other) => one - other), bytes.length];
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
}

describe('the replication protocol', () => {
  const body = Buffer.from('REDIS0010 the body, which has 0123456789abcdef in it');
  const framings: Record<string, Buffer> = {
    'an end mark': Buffer.concat([Buffer.from(`\n${FULLRESYNC}\n\n$EOF:${MARK}\r\n`), body, MARK]),
    'a length': Buffer.concat([Buffer.from(`\n\n${FULLRESYNC}\n$${body.length}\r\n`), body]),
  };
  for (const [framing, bytes] of Object.entries(framings)) {
    it(`gives exactly the RDB of a snapshot with ${framing}, wherever packets end`, async () => {
      for (let position = 0; position <= bytes.length; position++) {
        await using primary = await startFakePrimary(withSnapshot(cut(bytes, [position])));
        const stream = await openRdbStream(primary.connection);
        assert.deepEqual([stream.replid, stream.offset], [REPLID, 4711]);
        assert.deepEqual(await bytesOf(stream), body, `cut at ${position}`);
      }
    });

    it(`gives exactly the RDB of a snapshot with ${framing} that comes byte by byte`, async () => {
      await using primary = await startFakePrimary(withSnapshot(cut(bytes, [...bytes.keys()])));
      assert.deepEqual(await bytesOf(await openRdbStream(primary.connection)), body);
    });

    it(`says that a snapshot with ${framing} was cut short, wherever it was`, async () => {
      const from = bytes.indexOf('$');
      for (let position = from; position < bytes.length; position++) {
        await using primary = await startFakePrimary(withSnapshot([bytes.subarray(0, position)]));
        const reading = openRdbStream(primary.connection).then(bytesOf);
        await assert.rejects(reading, { code: 'REPLICATION_INTERRUPTED' }, `cut at ${position}`);
      }
    });
  }

  it('asks one question at a time, and never to be taken for a replica that listens', async () => {
    await using primary = await startFakePrimary(withSnapshot([`${FULLRESYNC}$0\r\n`]));
    const stream = await openRdbStream({ ...primary.connection, username: 'backup', password: 'secret' });
    assert.deepEqual(await bytesOf(stream), Buffer.alloc(0));
    assert.deepEqual(primary.asked, [
      'AUTH backup secret',
      'PING',
      'REPLCONF capa eof capa psync2',
      'REPLCONF rdb-only 1',
      'REPLCONF version 255.255.255',
      'PSYNC ? -1',
    ]);
  });

  it('goes on where rdb-only and version are refused, and where PING says that the disk is full', async () => {
    await using primary = await startFakePrimary((request, socket) => {
      if (request === 'PING') socket.write("-MISCONF Redis is configured to save RDB snapshots, but it's unable to\r\n");
      else if (/rdb-only|version/.test(request)) socket.write('-ERR Unrecognized REPLCONF option\r\n');
      else withSnapshot([`${FULLRESYNC}$3\r\nabc`])(request, socket);
    });
    assert.equal(`${await bytesOf(await openRdbStream(primary.connection))}`, 'abc');
  });

  it('spares a Redis the question that only Valkey understands', async () => {
    await using primary = await startFakePrimary(withSnapshot([`${FULLRESYNC}$0\r\n`]));
    (await openRdbStream(primary.connection, { product: 'redis' })).close();
    assert.equal(
      primary.asked.some((request) => request.includes('version')),
      false,
    );
  });

  const answers: [answer: string, code: string, message: RegExp][] = [
    ['-LOADING Redis is loading the dataset in memory', 'REDIS_NOT_READY', /LOADING/],
    ["-NOMASTERLINK Can't SYNC while not connected with my master", 'REDIS_NOT_READY', /NOMASTERLINK/],
    ["-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", 'REDIS_NOT_READY', /MASTERDOWN/],
    ["-NOPERM this user has no permissions to run the 'psync' command", 'REDIS_PERMISSION_DENIED', /NOPERM/],
    ['-NOAUTH Authentication required.', 'REDIS_AUTH_FAILED', /NOAUTH/],
    ['-ERR max number of clients reached', 'REDIS_NOT_READY', /takes no more connections/],
    ["-ERR unknown command 'PSYNC', with args beginning with: '?' '-1'", 'REDIS_REFUSED', /unknown command 'PSYNC'$/],
    ['+CONTINUE', 'REPLICATION_PROTOCOL', /CONTINUE/],
    ['HTTP/1.1 400 Bad Request', 'REPLICATION_PROTOCOL', /HTTP/],
    [`${FULLRESYNC}-ERR BGSAVE failed, replication can't continue`, 'REPLICATION_INTERRUPTED', /BGSAVE failed/],
    [`${FULLRESYNC}$EOF:tooshort`, 'REPLICATION_PROTOCOL', /tooshort/],
    ['x'.repeat(200_000), 'REPLICATION_PROTOCOL', /no line/],
  ];
  for (const [answer, code, message] of answers) {
    it(`says ${code} when PSYNC is answered ${JSON.stringify(answer.slice(0, 60))}`, async () => {
      await using primary = await startFakePrimary(withSnapshot([`${answer}\r\n`], { end: false }));
      await assert.rejects(openRdbStream(primary.connection), { code, message });
    });
  }

  it('gives up when the server is silent for longer than it may be', async () => {
    await using primary = await startFakePrimary(withSnapshot([FULLRESYNC], { end: false }));
    await assert.rejects(openRdbStream(primary.connection, { idleTimeoutMs: 80 }), {
      code: 'REPLICATION_INTERRUPTED',
      message: /sent nothing for 80 ms/,
    });
  });

  it('waits as long as keepalives come, and tells what for', async () => {
    const states: string[] = [];
    await using primary = await startFakePrimary((request, socket) => {
      if (!request.startsWith('PSYNC')) return withSnapshot([])(request, socket);
      let left = 12;
      const beat = setInterval(() => {
        socket.write(left-- > 0 ? '\n' : `${FULLRESYNC}$3\r\nabc`);
        if (left < 0) clearInterval(beat);
      }, 30);
    });
    const stream = await openRdbStream(primary.connection, { idleTimeoutMs: 120, onWaiting: (state) => states.push(state) });
    assert.equal(`${await bytesOf(stream)}`, 'abc');
    assert.ok(states.filter((state) => state === 'waiting for Redis to begin the snapshot').length >= 12);
  });

  it('hands out no byte before the callback after +FULLRESYNC is done', async () => {
    await using primary = await startFakePrimary(withSnapshot([`${FULLRESYNC}$3\r\nabc`]));
    let isDone = false;
    const onFullResync = async () => {
      await sleep(20);
      isDone = true;
    };
    const stream = await openRdbStream(primary.connection, { onFullResync });
    assert.equal(isDone, true);
    assert.equal(`${await bytesOf(stream)}`, 'abc');
    const failing = openRdbStream(primary.connection, {
      onFullResync: () => {
        throw new Error('could not put it back');
      },
    });
    await assert.rejects(failing, /could not put it back/);
  });

  it('ends with the reason of the signal, at once, in every phase', async () => {
    for (const pieces of [[], [FULLRESYNC], [`${FULLRESYNC}$1000\r\nabc`]]) {
      await using primary = await startFakePrimary(withSnapshot(pieces, { end: false }));
      const abort = new AbortController();
      const reading = openRdbStream(primary.connection, { signal: abort.signal }).then(bytesOf);
      setTimeout(() => abort.abort(new Error('enough')), 30);
      await assert.rejects(reading, /enough/);
    }
    await using primary = await startFakePrimary(withSnapshot([]));
    await assert.rejects(openRdbStream(primary.connection, { signal: AbortSignal.abort(new Error('too late')) }), /too late/);
  });

  it('lets the server feel a slow reader instead of collecting the data', async () => {
    const total = 256 * 1024 * 1024;
    const piece = Buffer.alloc(1024 * 1024);
    let written = 0;
    await using primary = await startFakePrimary(async (request, socket) => {
      if (!request.startsWith('PSYNC')) return withSnapshot([])(request, socket);
      socket.write(`${FULLRESYNC}$${total}\r\n`);
      for (; written < total && !socket.destroyed; written += piece.length) {
        if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve));
      }
    });
    const stream = await openRdbStream(primary.connection);
    const reading = stream.body[Symbol.asyncIterator]();
    await reading.next();
    let before = -1;
    while (written !== before) {
      before = written;
      await sleep(100); // until nothing moves any more: what is measured is that it stops
    }
    assert.ok(written < 48 * 1024 * 1024, `${written} bytes went out while nobody read`);
    await reading.return?.(undefined);
  });
});

describe('the buffers of a replication stream', () => {
  it('give back every byte but the mark, for any reads and buffer sizes, lent or given', () => {
    const property = fc.property(
      fc.uint8Array({ maxLength: 3000 }),
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }),
      fc.integer({ min: 128, max: 700 }),
      fc.constantFrom<Lending>('never', 'untilNext', 'untilGivenBack'),
      (content, reads, size, lending) => {
        const pool = new BufferPool(size);
        pool.lend(lending);
        pool.hold = MARK.length;
        const sent = Buffer.concat([Buffer.from(content), MARK]);
        const got: Buffer[] = [];
        const lent: Buffer[] = [];
        let [at, taken] = [0, 0];
        const keep = (piece: Buffer) => {
          taken += piece.length;
          if (lending === 'untilGivenBack') lent.push(piece);
          else got.push(lending === 'untilNext' ? Buffer.from(piece) : piece);
        };
        const giveBack = () => {
          got.push(...lent.splice(0).map((piece) => Buffer.from(piece)));
          pool.giveBack(taken);
        };
        for (let turn = 0; at < sent.length; turn++) {
          assert.equal(pool.endsWith(MARK), false);
          const room = pool.room();
          const bytes = Math.min(reads[turn % reads.length] ?? 1, room.length, sent.length - at);
          sent.copy(room, 0, at, at + bytes);
          pool.filled(bytes);
          at += bytes;
          for (let piece = turn % 3 === 0 ? pool.take() : undefined; piece; piece = pool.take()) keep(piece);
          if (turn % 4 === 1) giveBack();
        }
        assert.equal(pool.endsWith(MARK), true);
        for (let piece = pool.take(); piece; piece = pool.take()) keep(piece);
        giveBack();
        assert.deepEqual(Buffer.concat(got), Buffer.from(content));
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  it('are used again when they were given back', () => {
    const pool = new BufferPool(100);
    pool.lend('untilGivenBack');
    pool.hold = 0;
    const memory = new Set<ArrayBufferLike>();
    for (let taken = 0; taken < 10_000; ) {
      const room = pool.room();
      memory.add(room.buffer);
      pool.filled(room.length);
      for (let piece = pool.take(); piece; piece = pool.take()) taken += piece.length;
      pool.giveBack(taken);
    }
    assert.ok(memory.size <= 3, `${memory.size} pool`);
  });
});
