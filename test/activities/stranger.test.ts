import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import type { Dependencies, ProtectedInstance } from '../../activities/dependencies.ts';
import { endWithoutSave, endWithSave, quickInfo } from '../../activities/recovery/shutdown.ts';
import { strangerAnswering } from '../../activities/stranger.ts';
import { lookAtOurs } from '../../activities/watch/ours.ts';
import { createWatchActivities } from '../../activities/watch/watch-instance.ts';
import { openProcessPlatform } from '../../platforms/process/process-platform.ts';
import { openRedis } from '../../redis/client/client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { startStranger } from '../support/stranger.ts';

describe('Another Redis in the place of ours', function () {
  this.timeout(60_000);
  let redis: RedisServer;
  beforeEach(async () => {
    redis = await startRedis({ config: { 'enable-protected-configs': 'yes' } });
  });
  afterEach(() => redis?.[Symbol.asyncDispose]());

  const open = (configFile: string) => openProcessPlatform({ start: { command: [redis.binary.path, configFile] } });
  const ours = (configFile = redis.configFile, isAtHand = true) =>
    ({
      name: 'main',
      connection: redis.connection,
      control: { queue: 'host/db1', isAtHand, noProgressMs: 0, open: () => open(configFile) },
    }) as unknown as ProtectedInstance;
  const told = async (target = ours()) => {
    using client = await openRedis(redis.connection);
    return strangerAnswering(target, client);
  };

  it('is told by its redis.conf and its directory, and both are named', async () => {
    await redis.kill('SIGKILL');
    await using other = await startStranger(redis);
    const why = await told();
    assert.ok(why?.startsWith(`process ${other.pid} of ${other.configFile} answers, with its data in `), why);
    assert.ok(why?.endsWith(`, and ${redis.configFile} with ${redis.dir} is configured`), why);
    assert.equal(await told(ours(redis.configFile, false)), undefined, 'from afar nothing tells it');
  });

  it('is never ended, with a save or without', async () => {
    await redis.kill('SIGKILL');
    await using other = await startStranger(redis);
    const info = await quickInfo(ours());
    assert.ok(info);
    const platform = open(redis.configFile);
    const refused = { code: 'TARGET_IDENTITY', message: /another Redis answers in the place of main: process \d+ of/ };
    await assert.rejects(endWithSave(ours(), platform, info), refused);
    await assert.rejects(endWithoutSave(ours(), platform), refused);
    assert.equal(await other.says('GET', 'theirs'), 'whole');
  });

  it('is none that serves for a watcher on its machine', async () => {
    const deps = { host: 'db1', instance: async () => ours() } as unknown as Dependencies;
    assert.equal((await lookAtOurs(ours())).verdict, 'serves');
    await redis.kill('SIGKILL');
    await using other = await startStranger(redis);
    const { verdict, detail } = await lookAtOurs(ours());
    assert.equal(verdict, 'fails', detail);
    assert.ok(detail.startsWith(`another Redis answers in its place: process ${other.pid} of ${other.configFile}`), detail);
    assert.equal((await createWatchActivities(deps).lookAtProcess({ instance: 'main' })).verdict, 'fails');
  });

  it('is not our own one whose directory was set while it ran, nor one that was started of another file in our directory', async () => {
    assert.equal(await told(), undefined);
    const copy = `${redis.configFile}.copy`;
    cpSync(redis.configFile, copy);
    assert.equal(await told(ours(copy)), undefined);
    await redis.command('CONFIG', 'SET', 'dir', '/tmp');
    assert.equal(await told(), undefined);
  });
});
