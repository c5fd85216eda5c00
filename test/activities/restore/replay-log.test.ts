import assert from 'node:assert/strict';
import { replayedRanges } from '../../../activities/restore/replay-log.ts';
import { isAtLeast, type RedisBinary, redisBinaries } from '../../support/redis-binaries.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { Following } from '../archive/following.ts';

/** Longer than a cut by time is off, and than a loaded machine lets us wait for an answer. */
const LATER_MS = 2_500;

describe('The log that is replayed', function () {
  this.timeout(30_000);

  for (const binary of redisBinaries()) {
    it(`has keys end when they ended at ${binary.label}, however much later it is replayed`, async () => {
      await using source = await startRedis({ binary: binary.path });
      await source.command('SET', 'first', 'value');
      const following = new Following(source);
      const { ended } = following.begin();
      await following.untilFollowing();
      const beganAtMs = Date.now();
      await source.command('SET', 'k:set', 'v', 'EX', '100');
      await source.command('SETEX', 'k:setex', '100', 'v');
      await source.command('PSETEX', 'k:psetex', '100000', 'v');
      await source.command('MSET', 'k:expire', 'v', 'k:pexpire', 'v', 'k:getex', 'v', 'k:script', 'v', 'forever', 'v');
      await source.command('EXPIRE', 'k:expire', '100');
      await source.command('PEXPIRE', 'k:pexpire', '100000');
      await source.command('GETEX', 'k:getex', 'EX', '100');
      await source.command('EVAL', "redis.call('EXPIRE', KEYS[1], 100)", '1', 'k:script');
      const wanted = await following.sourceAt();
      await until(async () => (await following.end()) >= wanted, { what: 'it is stored' });
      following.drain.abort();
      await ended;
      await until(() => Date.now() > beganAtMs + LATER_MS, { what: 'some time has gone by' });
      const { timelineId = '', first = 0 } = (await following.archive.newestTimeline()) ?? {};
      const log: Buffer[] = [];
      for await (const piece of replayedRanges(following.archive, [{ timelineId, from: first, to: await following.end() }], {}))
        log.push(piece);
      await using target = await targetOf(Buffer.concat(log), binary);
      const names = ((await source.command('KEYS', 'k:*')) as string[]).sort();
      assert.equal(names.length, 7);
      assert.deepEqual(((await target.command('KEYS', 'k:*')) as string[]).sort(), names);
      assert.equal(await target.command('PTTL', 'forever'), -1);
      for (const name of names) {
        const [left, kept] = await Promise.all([target.command('PTTL', name), source.command('PTTL', name)]);
        assert.ok(Math.abs(Number(left) - Number(kept)) < LATER_MS / 2, `${name} has ${left} ms and not ${kept}`);
      }
    });
  }
});

/** A Redis that loads nothing but this. */
function targetOf(log: Buffer, binary: RedisBinary): Promise<RedisServer> {
  const seed: Record<string, Buffer> = isAtLeast(binary, 7)
    ? {
        'appendonlydir/appendonly.aof.1.incr.aof': log,
        'appendonlydir/appendonly.aof.manifest': Buffer.from('file appendonly.aof.1.incr.aof seq 1 type i\n'),
      }
    : { 'appendonly.aof': log };
  return startRedis({ binary: binary.path, config: { appendonly: 'yes' }, seed });
}
