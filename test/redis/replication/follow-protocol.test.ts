import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openFollower } from '../../../redis/replication/follow.ts';
import { until } from '../../support/until.ts';
import { REPLID, startFakePrimary, withSnapshot } from '../support/fake-primary.ts';
import { record } from '../support/recording.ts';

const MARK = '0123456789abcdef0123456789abcdef01234567';
const OTHER = 'f'.repeat(40);
const RDB = 'REDIS0010 a snapshot with \n and $EOF: in it';
const STREAM = `*1\r\n$4\r\nPING\r\n\n${MARK} is no mark here\r\n`;
const FULLRESYNC = `+FULLRESYNC ${REPLID} 4711\r\n`;

/** A primary that begins the stream of a diskless snapshot only when it hears from us, as Redis does. */
const diskless =
  (snapshot: string[], stream: string[]) =>
  (request: string, socket: Socket): void => {
    if (request.startsWith('REPLCONF ACK')) withSnapshot(stream.splice(0), { end: false })('PSYNC', socket);
    else withSnapshot(snapshot, { end: false })(request, socket);
  };

describe('the protocol of a follower', () => {
  it('takes apart a snapshot of known length and the stream, wherever packets end', async () => {
    const bytes = `${FULLRESYNC}$${RDB.length}\r\n${RDB}${STREAM}`;
    for (let position = FULLRESYNC.length; position <= bytes.length; position++) {
      const pieces = [bytes.slice(0, position), bytes.slice(position)];
      await using primary = await startFakePrimary(withSnapshot(pieces));
      const recording = await record(await openFollower(primary.connection));
      assert.equal(((await recording.ended) as { code?: string }).code, 'REPLICATION_INTERRUPTED');
      assert.deepEqual([`${recording.rdb}`, `${recording.bytes()}`], [RDB, STREAM], `cut at ${position}`);
    }
  });

  it('takes apart a snapshot with a mark and the stream, wherever packets end', async () => {
    const bytes = `${FULLRESYNC}$EOF:${MARK}\r\n${RDB}${MARK}`;
    for (let position = bytes.length - 60; position <= bytes.length; position += 3) {
      const snapshot = [bytes.slice(0, position), bytes.slice(position)];
      await using primary = await startFakePrimary(diskless(snapshot, [STREAM]));
      const recording = await record(await openFollower(primary.connection));
      await until(() => recording.bytes().length >= STREAM.length, { what: 'the stream has come', seconds: 5 });
      assert.deepEqual([`${recording.rdb}`, `${recording.bytes()}`], [RDB, STREAM], `cut at ${position}`);
      recording.follower.close();
    }
  });

  it('takes whatever follows +CONTINUE for the stream, and nothing before', async () => {
    const bytes = `\n\n+CONTINUE ${OTHER}\r\n${STREAM}`;
    for (let position = 0; position <= bytes.length; position++) {
      await using primary = await startFakePrimary(withSnapshot([bytes.slice(0, position), bytes.slice(position)]));
      const resume = { replid: REPLID, offset: 99 };
      const follower = await openFollower(primary.connection, { resume });
      assert.equal(follower.kind, 'continued');
      const { replid, offset } = follower;
      const { previousReplid } = follower as { previousReplid?: string };
      assert.deepEqual({ replid, previousReplid, offset }, { replid: OTHER, previousReplid: REPLID, offset: 99 });
      const recording = await record(follower);
      await recording.ended;
      assert.equal(`${recording.bytes()}`, STREAM, `cut at ${position}`);
    }
  });

  it('asks for the next byte, one question at a time, and never to be taken for a replica that listens', async () => {
    await using primary = await startFakePrimary(withSnapshot(['+CONTINUE\r\n'], { end: false }));
    const connection = { ...primary.connection, username: 'archive', password: 'secret' };
    const follower = await openFollower(connection, { resume: { replid: REPLID, offset: 99 } });
    assert.deepEqual([follower.kind, follower.replid, follower.offset], ['continued', REPLID, 99]);
    follower.close();
    assert.deepEqual(primary.asked.slice(0, 5), [
      'AUTH archive secret',
      'PING',
      'REPLCONF capa eof capa psync2',
      'REPLCONF version 255.255.255',
      `PSYNC ${REPLID} 100`,
    ]);
  });

  const answers: [answer: string, code: string][] = [
    ["-NOMASTERLINK Can't SYNC while not connected with my master", 'REDIS_NOT_READY'],
    ["-NOPERM this user has no permissions to run the 'psync' command", 'REDIS_PERMISSION_DENIED'],
    [`+CONTINUE${OTHER}`, 'REPLICATION_PROTOCOL'],
    ['+RDBCHANNELSYNC 12', 'REPLICATION_PROTOCOL'],
  ];
  for (const [answer, code] of answers) {
    it(`says ${code} when PSYNC is answered ${answer.slice(0, 40)}`, async () => {
      await using primary = await startFakePrimary(withSnapshot([`${answer}\r\n`], { end: false }));
      await assert.rejects(openFollower(primary.connection, { resume: { replid: REPLID, offset: 1 } }), { code });
    });
  }

  it('says nothing before the snapshot has been read, then 0 until it was told more, and that again and again', async () => {
    await using primary = await startFakePrimary(diskless([`${FULLRESYNC}$EOF:${MARK}\r\n${RDB}${MARK}`], [STREAM]));
    const said = () => primary.asked.filter((request) => request.startsWith('REPLCONF ACK')).map((request) => request.slice(13));
    const follower = await openFollower(primary.connection);
    assert.ok(follower.kind === 'full');
    await assert.rejects(follower.stream().next(), { code: 'INTERNAL' });
    await sleep(120); // longer than the first beats are apart
    assert.deepEqual(said(), []);
    const recording = await record(follower);
    await until(() => said().length >= 2 && recording.bytes().length === STREAM.length, { seconds: 5 });
    assert.deepEqual(new Set(said()), new Set(['0']));
    follower.acknowledge(4711 + STREAM.length);
    follower.acknowledge(4711); // older than what was said: never taken back
    await until(() => said().filter((offset) => offset === `${4711 + STREAM.length}`).length >= 4, { seconds: 5 });
    assert.throws(() => follower.acknowledge(4711 + STREAM.length + 1), { code: 'INTERNAL' });
    follower.close();
    assert.equal(await recording.ended, undefined);
  });

  it('hands out a small write before the next one comes', async () => {
    let peer: Socket | undefined;
    await using primary = await startFakePrimary((request, socket) => {
      peer = socket;
      withSnapshot(['+CONTINUE\r\n'], { end: false })(request, socket);
    });
    const follower = await openFollower(primary.connection, { resume: { replid: REPLID, offset: 0 } });
    const stream = follower.stream();
    for (let turn = 0; turn < 25; turn++) {
      const next = stream.next();
      await sleep(5);
      peer?.write('x');
      assert.equal(`${(await next).value}`, 'x');
    }
    follower.close();
  });

  it('ends with the reason of the signal, or when the server is silent for too long', async () => {
    await using primary = await startFakePrimary(withSnapshot(['+CONTINUE\r\n'], { end: false }));
    const resume = { replid: REPLID, offset: 0 };
    const abort = new AbortController();
    const aborted = await openFollower(primary.connection, { resume, signal: abort.signal });
    setTimeout(() => abort.abort(new Error('enough')), 20);
    await assert.rejects(aborted.stream().next(), /enough/);
    const silent = await openFollower(primary.connection, { resume, idleTimeoutMs: 80 });
    await assert.rejects(silent.stream().next(), { code: 'REPLICATION_INTERRUPTED', message: /sent nothing for 80 ms/ });
  });

  it('says how long nothing has come, and gives a line up on which nothing comes for longer than the stream may be silent', async () => {
    let socket: Socket | undefined;
    await using primary = await startFakePrimary((request, from) => {
      socket = from;
      withSnapshot(['+CONTINUE\r\n'], { end: false })(request, from);
    });
    const resume = { replid: REPLID, offset: 0 };
    const follower = await openFollower(primary.connection, { resume, idleTimeoutMs: 60_000, streamSilenceMs: 400 });
    assert.equal(follower.silentMs(), 0, 'nobody reads yet');
    const stream = follower.stream();
    const first = stream.next();
    await until(() => follower.silentMs() > 100, { what: 'the silence is known' });
    socket?.write('x');
    assert.equal(`${(await first).value}`, 'x');
    const next = stream.next();
    assert.ok(follower.silentMs() < 400);
    await assert.rejects(next, { code: 'REPLICATION_INTERRUPTED', message: /sent nothing for 400 ms/ });
    assert.ok(follower.silentMs() >= 400, 'a line that was given up is silent, too');
  });

  it('leaves the connection when the snapshot is not read to its end', async () => {
    let isClosed = false;
    await using primary = await startFakePrimary((request, socket) => {
      socket.on('close', () => {
        isClosed = true;
      });
      withSnapshot([`${FULLRESYNC}$1000000\r\n${RDB}`], { end: false })(request, socket);
    });
    const follower = await openFollower(primary.connection);
    assert.ok(follower.kind === 'full');
    for await (const _ of follower.rdb.body) break;
    await until(() => isClosed, { what: 'the connection is closed', seconds: 5 });
    await assert.rejects(follower.stream().next(), { code: 'INTERNAL' });
  });
});
