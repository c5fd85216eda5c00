import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import type { Dependencies, ProtectedInstance } from '../../activities/dependencies.ts';
import { createLookActivities } from '../../activities/recovery/observe.ts';
import { endWithoutSave, endWithSave, quickInfo } from '../../activities/recovery/shutdown.ts';
import { strangerAnswering } from '../../activities/stranger.ts';
import { lookAtOurs } from '../../activities/watch/ours.ts';
import { createWatchActivities } from '../../activities/watch/watch-instance.ts';
import { openProcessPlatform } from '../../platforms/process/process-platform.ts';
import { openRedis } from '../../redis/client/client.ts';
import { MAIN } from '../fixtures/shard.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { startStranger } from '../support/stranger.ts';
import { until } from '../support/until.ts';

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
      ...MAIN,
      connection: redis.connection,
      control: { queue: 'host/db1', isAtHand, noProgressMs: 0, open: () => open(configFile) },
    }) as unknown as ProtectedInstance;
  const told = async (target = ours()) => {
    using client = await openRedis(redis.connection);
    return strangerAnswering(target, client);
  };

  /** A worker whose repository has backups of these replication ids. */
  const knowing = (replids: readonly string[]) =>
    ({
      host: 'db1',
      shard: async () => ours(),
      repository: async () => ({
        archive: () => ({ newestTimeline: async () => undefined }),
        snapshots: () => ({ list: async () => replids.map((replid) => ({ replication: { replid } })) }),
      }),
    }) as unknown as Dependencies;

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
    const deps = knowing([]);
    assert.equal((await lookAtOurs(deps, ours())).verdict, 'serves');
    await redis.kill('SIGKILL');
    await using other = await startStranger(redis);
    const { verdict, detail } = await lookAtOurs(deps, ours());
    assert.equal(verdict, 'fails', detail);
    assert.ok(detail.startsWith(`another Redis answers in its place: process ${other.pid} of ${other.configFile}`), detail);
    assert.equal((await createWatchActivities(deps).observeProcess(MAIN)).verdict, 'fails');
  });

  it('is no stranger to a watcher, nor to a recovery, where it goes on with our history, as a promoted replica does', async () => {
    await using replica = await startRedis({ config: { replicaof: `127.0.0.1 ${redis.port}` } });
    const said = async () => String(await replica.command('INFO', 'replication'));
    await until(async () => /master_link_status:up/.test(await said()), { what: 'it follows' });
    const replid = /master_replid:(\w+)/.exec(await said())?.[1] ?? '';
    await redis.kill('SIGKILL');
    await replica.command('REPLICAOF', 'NO', 'ONE');
    const moved = { ...ours(), connection: replica.connection };
    const seen = async (deps: Dependencies) => {
      const { stranger } = await createLookActivities({ ...deps, shard: async () => moved }).observeFromControl(MAIN);
      return [(await lookAtOurs(deps, moved)).verdict, stranger === undefined];
    };
    assert.deepEqual(await seen(knowing([replid])), ['serves', true]);
    assert.deepEqual(await seen(knowing(['f'.repeat(40)])), ['fails', false]);
  });

  it('is known by its process where it asks for another password, and our own that asks for another is ours', async () => {
    const deps = knowing([]);
    const seen = async () => {
      const { stranger } = await createLookActivities(deps).observeFromControl(MAIN);
      return { verdict: (await lookAtOurs(deps, ours())).verdict, stranger };
    };
    await redis.command('CONFIG', 'SET', 'requirepass', 'another');
    assert.deepEqual(await seen(), { verdict: 'unknown', stranger: undefined });
    await redis.kill('SIGKILL');
    await using other = await startStranger(redis);
    await other.says('CONFIG', 'SET', 'requirepass', 'secret');
    const { verdict, stranger } = await seen();
    assert.equal(verdict, 'fails');
    assert.ok(stranger?.startsWith(`process ${other.pid}, which stands in `), stranger);
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
