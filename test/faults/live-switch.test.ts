import assert from 'node:assert/strict';
import { chmod, readFile, stat } from 'node:fs/promises';
import type { RestoreReport } from '../../model/operations.ts';
import { openRedis } from '../../redis/client/client.ts';
import { OFFSET_LEAP } from '../../redis/live/standing.ts';
import { Archived } from '../support/archived.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

const KEYS = 50_000;
/** More than the sockets between worker and Redis hold. */
const LOG_MB = 100;
/** A set that takes its time to be added up, so that the log is still being applied when the test looks. */
const SLOW_SET = "for i = 1, 20000 do redis.call('ZADD', KEYS[1], i, i) end";

/** Where a live restore is met. */
const POINTS = ['before REPLICAOF', 'during the RDB', 'after the promotion'] as const;
type Point = (typeof POINTS)[number];

describe('A live restore ends with the old data or the new, and never in between,', function () {
  this.timeout(300_000);
  let house: House;
  let newData = '';
  let oldData = '';
  before(async () => {
    // so that it answers while it loads
    const config = { appendonly: 'yes', save: '', 'loading-process-events-interval-bytes': '65536' };
    house = await House.open({ redis: { config } });
    await house.ask('DEBUG', 'POPULATE', `${KEYS}`, 'cache', '100');
    await house.backup();
    newData = await digest();
  });
  after(() => house?.close());

  const digest = async (): Promise<string> => String(await house.ask('DEBUG', 'DIGEST'));
  const info = async (field: string): Promise<string | undefined> =>
    new RegExp(`^${field}:(.*?)\r?$`, 'm').exec(String(await house.ask('INFO', 'everything')))?.[1];
  const restore = () => house.command('restore', 'latest', '--strategy', 'live', '--yes', '--json');
  const handle = () => house.client.workflow.getHandle('restore/main');

  /** Other data than the backup has, and a worker that comes to that point and stays there. */
  async function meet(point: Point): Promise<{ running: ReturnType<typeof restore> }> {
    await house.ask('SET', 'cache:1', `of the old data, ${Math.random()}`);
    oldData = await digest();
    await house.killWorker();
    const delay = point === 'during the RDB' ? '300' : '0'; // µs of a key: it loads longer than a cancellation takes to come
    await house.ask('CONFIG', 'SET', 'key-load-delay', delay);
    const fates = { 'before REPLICAOF': 'hold:loadLive', 'during the RDB': '', 'after the promotion': 'hold:verifyLive' };
    await house.startWorker(fates[point]);
    const begun = house.steps.length;
    const running = restore();
    const step = point === 'after the promotion' ? 'verifyLive' : 'loadLive';
    await until(() => house.steps.slice(begun).includes(step), { seconds: 60, what: `${step} has begun` });
    if (point === 'during the RDB') await until(async () => (await info('async_loading')) === '1', { what: 'it loads' });
    return { running };
  }

  async function untilOver(): Promise<void> {
    await until(async () => !(await house.isLocked()), { seconds: 60, what: 'the lock is free' });
    await house.ask('CONFIG', 'SET', 'key-load-delay', '0');
    assert.equal(await info('role'), 'master');
    assert.deepEqual(await house.ask('CONFIG', 'GET', 'masteruser'), ['masteruser', '']);
    assert.deepEqual(await house.ask('CONFIG', 'GET', 'repl-timeout'), ['repl-timeout', '60']);
  }

  for (const point of POINTS) {
    const isNew = point === 'after the promotion';
    const ends = () => (isNew ? newData : oldData);

    it(`cancelled ${point}`, async () => {
      const { running } = await meet(point);
      await handle().cancel();
      const { code, stdout, stderr } = await running;
      assert.equal(code, 52, stderr);
      if (isNew) assert.match(stdout + stderr, /had the restored data already: that stands there now/);
      await untilOver();
      assert.equal(await digest(), ends());
    });

    it(`terminated ${point}`, async () => {
      const { running } = await meet(point);
      await handle().terminate('test');
      assert.equal((await running).code, 52);
      await untilOver();
      assert.equal(await digest(), ends());
    });

    it(`reset ${point}`, async () => {
      const { running } = await meet(point);
      await house.reset('restore/main');
      await running;
      await until(async () => (await handle().describe()).status.name !== 'RUNNING', {
        seconds: 60,
        what: 'the run after it has ended',
      });
      await untilOver();
      assert.ok([oldData, newData].includes(await digest()));
    });

    it(`when its worker is killed ${point} and another one takes over`, async () => {
      const { running } = await meet(point);
      await house.killWorker();
      await house.ask('CONFIG', 'SET', 'key-load-delay', '0');
      await house.startWorker();
      const { code, stderr } = await running;
      assert.equal(code, 0, stderr);
      await untilOver();
      assert.equal(await digest(), newData);
    });
  }

  it('and where somebody runs CONFIG REWRITE in the middle, the file is mended, and the report begins with it', async () => {
    const mode = async () => (await stat(house.redis.configFile)).mode & 0o777;
    await chmod(house.redis.configFile, 0o600);
    const { running } = await meet('during the RDB');
    await house.ask('CONFIG', 'REWRITE');
    assert.match(await readFile(house.redis.configFile, 'utf8'), /^replicaof /m);
    assert.equal(await mode(), 0o644, 'that of the new file');
    await house.ask('CONFIG', 'SET', 'key-load-delay', '0');
    const { code, stdout, stderr } = await running;
    assert.equal(code, 0, stderr);
    const { warnings } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as RestoreReport;
    assert.match(
      warnings[0] ?? '',
      /^somebody ran CONFIG REWRITE during the load, which wrote .*replicaof.*: it was written anew/,
    );
    assert.doesNotMatch(await readFile(house.redis.configFile, 'utf8'), /^(replicaof|masterauth|masteruser) /m);
    assert.equal(await mode(), 0o600);
  });

  it('and where it applies a log and is terminated in the middle of that, the old data is loaded back', async () => {
    await house.reconfigure(({ instances }) => {
      Object.assign(instances.main ?? {}, { archive: { segmentAge: '1s', restartDelay: '1s' } });
    });
    const archived = new Archived(house);
    await archived.start();
    await until(async () => (await archived.note()).includes('stored up to'), { what: 'it follows' });
    await house.ask('EVAL', SLOW_SET, '1', 'slow');
    for (let i = 0; i < LOG_MB; i++) {
      await house.ask('SET', `big:${i}`, 'x'.repeat(1 << 20));
      await house.ask('ZUNIONSTORE', 'sum', '1', 'slow');
    }
    await archived.untilCaughtUp();
    const { timelineId = '' } = (await archived.archive.newestTimeline()) ?? {};
    const { offset } = await archived.end();
    await house.ask('SET', 'later', 'than the moment');
    oldData = await digest();
    const how = ['--until', `${timelineId}@${offset}`, '--strategy', 'live', '--no-rehearsal', '--yes'];
    using client = await openRedis(house.redis.connection);
    const offsetNow = async () => (await client.info('replication')).number('master_repl_offset') ?? 0;
    const before = await offsetNow(); // with the leaps of the restores before this one
    const running = house.command('restore', 'main', ...how);
    while ((await offsetNow()) < before + OFFSET_LEAP); // the log takes more than a second from there
    process.kill(house.workerPid ?? 0, 'SIGSTOP');
    await handle().terminate('test');
    await house.killWorker();
    assert.notEqual(await digest(), oldData);
    assert.equal(await house.ask('EXISTS', `big:${LOG_MB - 1}`), 0, 'not all of the log was applied');
    await house.startWorker();
    assert.equal((await running).code, 52);
    await untilOver();
    assert.equal(await digest(), oldData);
  });
});
