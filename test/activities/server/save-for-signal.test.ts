import assert from 'node:assert/strict';
import { runAsJob } from '../../../activities/job-context.ts';
import { endWithSave, quickInfo } from '../../../activities/recovery/shutdown.ts';
import { openProcessPlatform } from '../../../platforms/process/process-platform.ts';
import { openRedis } from '../../../redis/client/client.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';

/** As of a configuration that names this Redis. */
const named = ({ connection, configFile, binary, port }: RedisServer) => {
  const open = () => openProcessPlatform({ start: { command: [binary.path, configFile] }, configFile, port });
  return { target: { name: 'main', connection, control: { open, isAtHand: true } } as never, platform: open() };
};

async function end(redis: RedisServer, options?: { kill: boolean }): Promise<void> {
  const { target, platform } = named(redis);
  const job = { signal: new AbortController().signal, operationId: 'test', attempt: 1, progress: () => undefined };
  await runAsJob(job, async () => endWithSave(target, platform, await quickInfo(target), options));
}

const without = (...names: string[]) => ({ save: '', appendonly: 'no', 'rename-command': names.map((name) => `${name} ""`) });

describe('A Redis without a log that is ended, where SHUTDOWN and SAVE are disabled', function () {
  this.timeout(60_000);

  for (const [how, names] of [
    ['by a save point that is set for it', ['SHUTDOWN', 'SAVE']],
    ['by BGSAVE, where CONFIG is disabled, too', ['SHUTDOWN', 'SAVE', 'CONFIG']],
  ] as const) {
    it(`has all it held afterwards, ${how}`, async () => {
      await using redis = await startRedis({ config: without(...names) });
      await redis.command('SET', 'late', 'here');
      await end(redis);
      assert.equal(redis.isRunning(), false);
      await redis.restart();
      using client = await openRedis(redis.connection);
      assert.equal(await client.command('GET', 'late'), 'here');
    });
  }

  it('is not ended where nothing makes it save: what would be lost is counted, and somebody may accept that', async () => {
    await using redis = await startRedis({ config: without('SHUTDOWN', 'SAVE', 'CONFIG', 'BGSAVE') });
    for (const key of ['a', 'b', 'c']) await redis.command('SET', key, '1');
    await assert.rejects(end(redis), {
      code: 'STOP_FAILED',
      message: /^main cannot be told to save, .* and would lose 3 changes since its last save at .* UTC: it was not ended$/,
    });
    assert.equal(await redis.dbsize(), 3);
    await end(redis, { kill: true });
    assert.equal(redis.isRunning(), false);
  });
});
