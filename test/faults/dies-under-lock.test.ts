import assert from 'node:assert/strict';
import type { RestoreInput } from '../../model/operations.ts';
import type { WatchStatus } from '../../model/watch/watch.ts';
import { failureOf } from '../support/failure-of.ts';
import { KEYS, Troubled } from '../support/troubled.ts';
import { until } from '../support/until.ts';

const REPLACE = { strategy: 'replace' } as const;
const LIVE = { strategy: 'live' } as const;

/** Steps that ask a Redis which this operation has not stopped, or has made serve again. */
const POINTS: { step: string; input: Partial<RestoreInput>; putsBack?: true }[] = [
  { step: 'storeSnapshot', input: REPLACE },
  { step: 'verifyCounts', input: REPLACE, putsBack: true },
  { step: 'loadLive', input: LIVE },
  { step: 'awaitOwnPersistence', input: LIVE },
];

describe('A Redis that dies of something else while an operation holds its lock', function () {
  this.timeout(300_000);
  let redis: Troubled;
  before(async () => {
    redis = await Troubled.open({
      instance: { watch: { mode: 'auto', every: '1s', after: '2s', coolDown: '1s', mostPerHour: 20 } },
    });
  });
  after(() => redis?.close());

  const isFree = () => until(async () => !(await redis.house.isLocked()), { what: 'the lock is free', seconds: 60 });

  /** The worker dies as that step begins, Redis then, and another worker comes. */
  async function diesBefore<T>(step: string, start: () => Promise<T>): Promise<T> {
    await redis.stand({ config: { appendonly: 'yes' } });
    await redis.house.killWorker();
    const doomed = await redis.house.startWorker(`before:${step}`);
    const died = new Promise((resolve) => doomed.once('exit', resolve));
    const running = await start();
    await died;
    await redis.kill();
    await redis.house.startWorker();
    return running;
  }

  for (const { step, input, putsBack } of POINTS) {
    it(`is let go of by a restore, ${input.strategy}, at ${step}, and ${putsBack ? 'serves its old data' : 'brought back'}`, async () => {
      const restore = await diesBefore(step, () => redis.house.startRestore(input));
      const { code, message, next } = await failureOf(restore.result());
      assert.equal(code, 'REDIS_UNREACHABLE');
      assert.match(message, /^main has gone away, and this operation lets go of it: /);
      assert.match(next ?? '', /`redis-backup recover main`/);
      await isFree();
      if (!putsBack) assert.equal((await redis.recover()).outcome, 'serving');
      assert.equal(await redis.ask('DBSIZE'), KEYS);
    });
  }

  it('is let go of by a backup that had changed a setting of it, as soon as a recovery comes', async () => {
    await redis.house.reconfigure(({ instances }) => Object.assign(instances.main ?? {}, { backup: { uncompressedFork: true } }));
    const start = () =>
      redis.house.client.workflow.start('backupSnapshot', {
        workflowId: 'backup/main',
        taskQueue: 'redis-ops',
        args: [{ instance: 'main' }],
      });
    const backup = await diesBefore('storeSnapshot', start);
    assert.equal((await redis.recover()).outcome, 'serving');
    await backup.result().catch(() => undefined);
    assert.equal((await backup.describe()).status.name, 'CANCELLED');
  });

  it('is brought back by its watcher while a restore only downloads, which is cancelled', async () => {
    await redis.stand({ config: { appendonly: 'yes' } });
    await redis.house.killWorker();
    await redis.house.startWorker('hold:stageBackup');
    await redis.house.command('watch', 'main');
    const watcher = redis.house.client.workflow.getHandle('watch/main');
    await until(async () => (await watcher.query<WatchStatus>('status')).phase === 'watching', { what: 'it is watched' });
    const before = redis.house.steps.length;
    const restore = await redis.house.startRestore(REPLACE);
    await until(() => redis.house.steps.slice(before).includes('stageBackup'), { what: 'it downloads', seconds: 60 });
    await redis.kill();
    await until(async () => (await redis.says('DBSIZE')) === `${KEYS}`, { what: 'Redis serves again', seconds: 90 });
    await restore.result().catch(() => undefined);
    assert.equal((await restore.describe()).status.name, 'CANCELLED');
    await redis.house.client.workflow.getHandle('recover/main').result();
    await redis.house.command('watch', 'main', '--stop');
  });
});
