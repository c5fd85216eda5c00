import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { STREAM_BEGIN, type StreamState } from '../../../model/archive/stream-state.ts';
import { CommandReader } from '../../../redis/log/command-reader.ts';
import { replayable } from '../../../redis/log/replayable.ts';
import { verdictOf } from '../../../redis/log/write-commands.ts';
import { fillAllTypes } from '../../support/datasets.ts';
import { type Random, randomFrom } from '../../support/random.ts';
import { readRdb } from '../../support/read-rdb.ts';
import { isAtLeast, type RedisBinary, redisBinaries } from '../../support/redis-binaries.ts';
import { type RedisServer, save, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { anyCommands } from '../support/any-commands.ts';
import { streamOf } from '../support/log-bytes.ts';
import { type Recording, recordStream } from '../support/recorded-stream.ts';

const CUTS = Number(process.env.CASES) || 7;

/** The data at an offset. */
interface Moment {
  offset: number;
  digest: string;
}

/** Runs writes, waits until what expires within milliseconds is gone, and notes what is there then. */
async function runUntilQuiet(redis: RedisServer, random: Random): Promise<Moment> {
  const client = await redis.client();
  const writes = [...anyCommands(20 + random.below(150), random, redis.binary)];
  await Promise.all(writes.map((args) => client.command(...args).catch(() => 'refused'))); // a wrong type, most often
  const shorts = writes.flatMap(([, key = '']) => (key.startsWith('short:') ? [key] : []));
  const databases = ['0', '1', '3', '7', '9'];
  const left = async (db: string) => {
    await client.command('SELECT', db);
    return shorts.length > 0 && Number(await client.command('EXISTS', ...shorts)) > 0;
  };
  for (const db of databases) await until(async () => !(await left(db)), { what: 'keys have expired' });
  await client.command('MULTI');
  await client.command('DEBUG', 'DIGEST');
  await client.command('INFO', 'replication');
  const [digest, info] = (await client.command('EXEC')) as [string, string];
  client.close();
  return { digest, offset: Number(/master_repl_offset:(\d+)/.exec(info)?.[1]) };
}

/** A base that the stream goes on behind without another SELECT: only a base that is sent to a replica makes Redis repeat it. */
async function saveInDb5(redis: RedisServer): Promise<{ base: Buffer; offset: number }> {
  await redis.command('SELECT', '5');
  await redis.command('SET', 'before', 'the base');
  await save(redis.command);
  await redis.command('SET', 'behind', 'the base');
  const base = readFileSync(join(redis.dir, 'dump.rdb'));
  return { base, offset: readRdb(base).facts.replOffset ?? -1 };
}

/** What a Redis has that is given a base and a log in the way of its version. */
async function digestOf(binary: RedisBinary, base: Buffer, log: Buffer): Promise<string> {
  const parts = 'appendonlydir/appendonly.aof';
  const manifest = 'file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n';
  const seed: Record<string, Buffer> = isAtLeast(binary, 7)
    ? { [`${parts}.1.base.rdb`]: base, [`${parts}.1.incr.aof`]: log, [`${parts}.manifest`]: Buffer.from(manifest) }
    : { 'appendonly.aof': Buffer.concat([base, log]) };
  await using target = await startRedis({ binary: binary.path, config: { appendonly: 'yes' }, seed });
  return (await target.command('DEBUG', 'DIGEST')) as string;
}

/** The part of a recording between two offsets, as a log that begins with the state that a reader had there. */
async function logBetween(recording: Recording, from: number, end: number, states: Map<number, StreamState>): Promise<Buffer> {
  const starts = [...states.keys()].filter((offset) => offset <= from);
  const startOffset = Math.max(...starts);
  const state = states.get(startOffset) ?? STREAM_BEGIN;
  const bytes = (await recording.until(end)).subarray(startOffset - recording.offset);
  const out: Buffer[] = [];
  const stream = streamOf(bytes, 1 + (end % 5000), 70_000);
  for await (const piece of replayable(stream, { state, startOffset, from, until: end })) out.push(piece);
  return Buffer.concat(out);
}

/** Reads all of a recording in pieces, keeps the state at each cut, and names what it doesn't know. */
function statesOf(bytes: Buffer, offset: number, random: Random) {
  const unknown = new Set<string>();
  const states = new Map<number, StreamState>([[offset, STREAM_BEGIN]]);
  const boundaries: number[] = [];
  let state = STREAM_BEGIN;
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.subarray(at, at + 1 + random.below(20_000));
    const reader = new CommandReader(state, {
      offset: offset + at,
      onCommand: ({ name, end, isBoundary }) => {
        if (verdictOf(name) === 'foreign') unknown.add(name);
        if (isBoundary) boundaries.push(end);
      },
    });
    reader.read(piece);
    at += piece.length;
    state = JSON.parse(JSON.stringify(reader.state())) as StreamState;
    states.set(offset + at, state);
  }
  return { unknown: [...unknown], states, boundaries };
}

describe('the log of a real server', () => {
  for (const binary of redisBinaries()) {
    it(`of ${binary.label} gives the data of any moment, behind any base`, async function () {
      this.timeout(60_000 + CUTS * 1000);
      const random = randomFrom();
      await using redis = await startRedis({ binary: binary.path });
      await fillAllTypes({ port: redis.port }, { keys: 100, server: binary });
      const recording = await recordStream(redis.port);
      if (isAtLeast(binary, 7)) await redis.command('FUNCTION', 'FLUSH');
      await fillAllTypes({ port: redis.port, db: 4 }, { keys: 100, server: binary });
      const moments: Moment[] = [];
      for (let cut = 0; cut < CUTS; cut++) {
        moments.push(await runUntilQuiet(redis, random));
      }
      const bases = [{ base: recording.base, offset: recording.offset }, await saveInDb5(redis)];
      for (let cut = 0; cut < 2; cut++) moments.push(await runUntilQuiet(redis, random));

      const end = Math.max(...moments.map(({ offset }) => offset));
      const { unknown, states, boundaries } = statesOf(await recording.until(end), recording.offset, random);
      assert.deepEqual(unknown, [], `SEED=${random.seed}`);
      assert.ok(moments.every(({ offset }) => boundaries.includes(offset)));
      for (const { offset, digest } of moments) {
        for (const { base, offset: from } of bases.filter((one) => one.offset <= offset)) {
          const log = await logBetween(recording, from, offset, states);
          assert.equal(await digestOf(binary, base, log), digest, `from ${from} until ${offset}, SEED=${random.seed}`);
        }
      }
      recording.close();
    });
  }
});
