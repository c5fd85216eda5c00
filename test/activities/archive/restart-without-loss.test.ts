import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FilesPart } from '../../../activities/dependencies.ts';
import { planArchive } from '../../../model/archive/plan.ts';
import type { Timeline } from '../../../model/archive/timeline.ts';
import { openProcessPlatform } from '../../../platforms/process/process-platform.ts';
import { Repository } from '../../../repository/repository.ts';
import { findBinary } from '../../support/binaries.ts';
import { type RedisServer, save, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { Following } from './following.ts';

/** The archiver of a Redis with `appendonly yes`, which begins a new history with each start, on its own machine. */
describe('A restart of a Redis with appendonly yes, to its archiver', function () {
  this.timeout(60_000);
  let redis: RedisServer;
  let following: Following;

  beforeEach(async () => {
    redis = await startRedis({ config: { appendonly: 'yes' } });
    await redis.command('SET', 'first', 'value');
    following = managed();
  });
  afterEach(async () => {
    following.cancel.abort();
    await redis[Symbol.asyncDispose]();
  });

  const managed = (): Following => {
    const { configFile } = redis;
    const platform = () => openProcessPlatform({ configFile, start: { command: [findBinary('redis-server'), configFile] } });
    const control = { isAtHand: true, where: 'here', runs: configFile, queue: 'here', noProgressMs: 60_000, open: platform };
    return new Following(redis, { control, files: { isAtHand: true, open: (layout) => ({ layout }) } as FilesPart });
  };

  /** Follows, lets that happen to Redis, and follows again. @returns the timeline that was opened */
  const timelineAfter = async (happens: (ended: Promise<unknown>) => Promise<void>): Promise<Timeline> => {
    const { ended } = await following.begun();
    await redis.command('SET', 'last', 'value');
    const before = await following.archive.newestTimeline();
    await happens(ended);
    await ended.catch(() => undefined);
    following.begin();
    const isAnother = async () => (await following.archive.newestTimeline())?.timelineId !== before?.timelineId;
    await until(isAnother, { what: 'another timeline', seconds: 20 });
    const timeline = await following.archive.newestTimeline();
    assert.ok(timeline);
    return timeline;
  };
  const restarted = (): Promise<Timeline> =>
    timelineAfter(async () => {
      await redis.stop();
      await redis.restart();
      await redis.command('SET', 'behind', 'the restart');
    });

  it('is no gap where Redis ended in order: the log has all of it, and is told to have', async () => {
    const { reason, parent } = await restarted();
    assert.deepEqual([reason, parent?.gap], ['restarted', false]);
    const { gaps, restarts } = await following.archive.extents();
    assert.deepEqual(gaps, []);
    assert.deepEqual(
      restarts.map(({ what, fromMs }) => [what, fromMs]),
      [['restart', Date.parse(parent?.restartedAt ?? '')]],
    );
  });

  it('leaves each moment that can be restored: until it took writes again what was there at its end, and none until its base', async () => {
    const { parent } = await restarted();
    await following.untilFollowing();
    await redis.command('SET', 'in', 'the new log');
    await redis.command('WAIT', '1', '5000');
    const { extents } = await following.archive.extents();
    const snapshots = await new Repository(following.store).snapshots({ instance: 'main', shard: '0' }).list();
    const planned = async (atMs: number) => {
      const target = { kind: 'time', atMs } as const;
      return planArchive({ extents, snapshots }, target, await following.archive.findCut(extents, target));
    };
    const heldMs = Date.parse(parent?.restartedAt ?? '');
    const down = await planned(heldMs);
    assert.ok('plan' in down, JSON.stringify(down));
    assert.deepEqual(
      [down.plan.cut.timelineId, down.plan.cut.offset, down.plan.base.backupId],
      [parent?.timelineId, parent?.end, snapshots[0]?.backupId],
    );
    const between = await planned(heldMs + 1);
    assert.ok('refusal' in between, JSON.stringify(between));
    assert.match(
      between.refusal.why,
      /^Redis was restarted at .*, and what it wrote from then until .* is in the backup of that/,
    );
    assert.deepEqual([between.refusal.before?.atMs, between.refusal.after?.backupId], [heldMs, snapshots.at(-1)?.backupId]);
    const behind = await planned(extents.at(-1)?.stretches[0]?.lastAtMs ?? 0);
    assert.ok('plan' in behind, JSON.stringify(behind));
    assert.equal(behind.plan.base.backupId, snapshots.at(-1)?.backupId);
  });

  const notProved: Record<string, (ended: Promise<unknown>) => Promise<void>> = {
    'it was killed': async () => {
      await redis.kill('SIGKILL');
      await redis.restart();
    },
    'the archiver had left before, though another replica was in step': async (ended) => {
      await using replica = await startRedis({ config: { replicaof: `127.0.0.1 ${redis.port}` } });
      await until(async () => /master_link_status:up/.test(String(await replica.command('INFO', 'replication'))), {
        what: 'it follows',
      });
      await redis.command('CLIENT', 'KILL', 'TYPE', 'replica');
      await ended.catch(() => undefined);
      await until(async () => /master_link_status:up/.test(String(await replica.command('INFO', 'replication'))), {
        what: 'it follows',
      });
      await redis.command('SET', 'missed', 'by the archiver');
      await redis.command('WAIT', '1', '5000');
      await redis.stop();
      assert.match(redis.log(), /1 of 1 replicas are in sync/);
      await redis.restart();
    },
    'it was restarted twice': async () => {
      await redis.stop();
      await redis.restart();
      await redis.restart();
    },
    'somebody has put other files in the place of its own': async () => {
      await redis.stop();
      const log = join(redis.dir, 'appendonlydir');
      cpSync(log, `${log}.copy`, { recursive: true });
      rmSync(log, { recursive: true });
      renameSync(`${log}.copy`, log);
      await redis.restart();
    },
    'it loaded an older copy of its own files that was put in their place': async (ended) => {
      const log = join(redis.dir, 'appendonlydir');
      cpSync(log, `${log}.copy`, { recursive: true });
      await redis.command('SET', 'last', 'VALUE');
      await redis.command('WAIT', '1', '5000');
      await redis.stop();
      await ended.catch(() => undefined);
      rmSync(log, { recursive: true });
      renameSync(`${log}.copy`, log);
      await redis.restart();
    },
    'other bytes were written over its own, as many': async (ended) => {
      await redis.stop();
      await ended.catch(() => undefined);
      const directory = join(redis.dir, 'appendonlydir');
      const path = join(directory, readdirSync(directory).find((name) => name.endsWith('incr.aof')) ?? '');
      const { atime, mtime } = statSync(path);
      writeFileSync(path, readFileSync(path, 'latin1').replace('value', 'other'), { encoding: 'latin1', flag: 'r+' });
      utimesSync(path, atime, mtime);
      await redis.restart();
    },
    'it came up without its log': async () => {
      await redis.command('CONFIG', 'SET', 'appendonly', 'no');
      await redis.command('CONFIG', 'REWRITE');
      await save((...args) => redis.command(...args));
      await redis.command('SET', 'not', 'saved');
      await redis.stop();
      await redis.restart();
    },
  };
  for (const [what, happens] of Object.entries(notProved)) {
    it(`is a gap where ${what}`, async () => {
      const { reason, parent } = await timelineAfter(happens);
      assert.deepEqual([reason, parent?.gap, parent?.restartedAt], ['full-resync', true, undefined]);
    });
  }

  it('is a gap to an archiver that cannot see the log of Redis', async () => {
    following = new Following(redis);
    assert.equal((await restarted()).parent?.gap, true);
  });
});
