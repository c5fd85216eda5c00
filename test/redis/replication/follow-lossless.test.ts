import assert from 'node:assert/strict';
import { openFollower } from '../../../redis/replication/follow.ts';
import { fillAllTypes } from '../../support/datasets.ts';
import { type Random, randomFrom } from '../../support/random.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { type Recording, record, untilCaughtUp } from '../support/recording.ts';

/** How often the connection is lost; more with CASES. */
const LOSSES = Number(process.env.CASES) || 25;

describe('a follower that loses its connection again and again', () => {
  it('has in the end exactly what one has that never lost it', async () => {
    const random = randomFrom();
    await using redis = await startRedis({ config: { 'repl-backlog-size': '64mb' } });
    const whole = await record(await openFollower(redis.connection));
    const parts: Recording[] = [await record(await openFollower(redis.connection))];
    const load = writeUntil(redis, random, () => parts.length > LOSSES);
    for (let loss = 0; loss < LOSSES; loss++) {
      const last = parts.at(-1) as Recording;
      await lose(redis, last, random.pick(['left', 'killed']), random.below(40));
      const { replid } = last.follower;
      const follower = await openFollower(redis.connection, { resume: { replid, offset: last.offset } });
      assert.deepEqual([follower.kind, follower.offset], ['continued', last.offset], `seed ${random.seed}`);
      parts.push(await record(follower));
    }
    await load;
    await untilCaughtUp(redis, whole);
    await untilCaughtUp(redis, parts.at(-1) as Recording);
    const joined = Buffer.concat(parts.map((part) => part.bytes()));
    const from = parts[0]?.from ?? 0;
    assert.ok(joined.equals(whole.bytes().subarray(from - whole.from)), `seed ${random.seed}`);
    assert.ok(joined.length > LOSSES * 1000, `${joined.length} bytes prove little`);
    for (const { follower } of [whole, ...parts]) follower.close();
  });

  it('holds a log that brings a Redis with the snapshot to the same data', async () => {
    await using redis = await startRedis();
    await fillAllTypes(redis.connection, { server: redis.binary });
    const recording = await record(await openFollower(redis.connection));
    await redis.command('SET', 'first', '1');
    await untilCaughtUp(redis, recording); // FLUSHALL kills the child of a snapshot that Redis hasn't seen the end of
    await redis.command('FLUSHALL');
    await redis.command('FUNCTION', 'FLUSH');
    await fillAllTypes(redis.connection, { server: redis.binary });
    await untilCaughtUp(redis, recording);
    recording.follower.close();
    const manifest = 'file base.rdb seq 1 type b\nfile incr.aof seq 1 type i\n';
    await using copy = await startRedis({
      config: { appendonly: 'yes' },
      seed: {
        'appendonlydir/base.rdb': recording.rdb as Buffer,
        'appendonlydir/incr.aof': recording.bytes(),
        'appendonlydir/appendonly.aof.manifest': Buffer.from(manifest),
      },
    });
    assert.equal(await copy.command('DEBUG', 'DIGEST'), await redis.command('DEBUG', 'DIGEST'));
    assert.ok((await copy.dbsize()) > 10);
  });
});

/** Writes values of many sizes, so that pieces end everywhere. */
async function writeUntil(redis: RedisServer, random: Random, isEnough: () => boolean): Promise<void> {
  const client = await redis.client();
  for (let n = 0; !isEnough(); n++) {
    const size = random.pick([1, 50, 500, 5000, 50_000]);
    await client.command('SET', `key:${n % 500}`, `${n}`.padEnd(random.below(size) + 1, 'x'));
  }
}

async function lose(redis: RedisServer, recording: Recording, how: string, afterMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, afterMs)); // at any moment: that is what is tested
  if (how === 'left') recording.follower.close();
  else {
    const list = String(await redis.command('CLIENT', 'LIST', 'TYPE', 'replica'));
    const youngest = Math.max(...[...list.matchAll(/^id=(\d+)/gm)].map(([, id]) => Number(id)));
    await redis.command('CLIENT', 'KILL', 'ID', `${youngest}`);
  }
  await recording.ended;
}
