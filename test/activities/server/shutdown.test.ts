import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { orDiskFull, shutdown } from '../../../activities/server/shutdown.ts';
import { openProcessPlatform } from '../../../platforms/process/process-platform.ts';
import { startRedis } from '../../support/redis-server.ts';
import { skipWithout } from '../../support/skip-without.ts';

describe('A Redis that is ended and saves', function () {
  this.timeout(30_000);

  it('says by name that its disk has no room for that, and serves on', async function () {
    await using redis = await startRedis({ config: { rdbcompression: 'no' } });
    await redis.stop();
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', redis.dir]).status !== 0) return skipWithout('mount', this);
    try {
      await redis.restart();
      const client = await redis.client();
      await client.command('SET', 'large', 'x'.repeat(3_000_000));
      const platform = openProcessPlatform({ start: { command: [redis.binary.path, redis.configFile] } });
      const saved = () => client.command('SAVE');
      for (const ends of [() => shutdown(client.command('SHUTDOWN', 'SAVE'), saved), saved]) {
        await assert.rejects(orDiskFull(ends(), 'main', platform), {
          code: 'TARGET_DISK_FULL',
          message: `${redis.dir} has no room for the last save of main, which was not stopped`,
        });
      }
      assert.equal(await redis.dbsize(), 1);
    } finally {
      spawnSync('umount', ['-l', redis.dir]);
    }
  });
});
