import assert from 'node:assert/strict';
import type { RestoreReport } from '../../model/operations.ts';
import { openRedis } from '../../redis/client/client.ts';
import { countSentinels } from '../../redis/sentinels.ts';
import { House } from '../support/house.ts';
import { startRedis } from '../support/redis-server.ts';
import { startSentinel } from '../support/sentinel.ts';
import { until } from '../support/until.ts';

const KEYS = 200_000;

describe('A live restore', function () {
  this.timeout(180_000);
  let house: House;
  before(async () => {
    house = await House.open({
      redis: { config: { appendonly: 'yes', save: '' } },
      instance: { archive: { segmentAge: '1s', restartDelay: '1s' } },
    });
    await house.ask('DEBUG', 'POPULATE', `${KEYS}`, 'cache', '100');
    assert.equal((await house.command('archive')).code, 0);
    await until(async () => (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).length === 1, {
      what: 'the base of the log',
    });
  });
  after(() => house?.close());

  const digest = async (): Promise<string> => String(await house.ask('DEBUG', 'DIGEST'));
  const info = async (field: string): Promise<string | undefined> =>
    new RegExp(`^${field}:(.*?)\r?$`, 'm').exec(String(await house.ask('INFO', 'everything')))?.[1];
  const live = async (...args: string[]): Promise<RestoreReport> => {
    const { code, stdout, stderr } = await house.command('restore', '--strategy', 'live', '--yes', '--json', ...args);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as RestoreReport;
  };

  /** Reads a key that is in the old data and in the new, every 5 ms, until told to stop. */
  async function readAllTheTime(key: string): Promise<{ stop(): Promise<{ reads: number; failures: string[] }> }> {
    const client = await openRedis(house.redis.connection);
    const failures: string[] = [];
    let reads = 0;
    let reading = true;
    const done = (async () => {
      while (reading) {
        await client.command('GET', key).then(
          (value) => value === null && failures.push('it was not there'),
          (error) => failures.push(String(error)),
        );
        reads += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      client.close();
    })();
    return {
      async stop() {
        reading = false;
        await done;
        return { reads, failures };
      },
    };
  }

  it('undoes a FLUSHDB to the command before it, while the old data is read, and never stops Redis', async () => {
    await house.ask('SET', 'session:1', 'token', 'EX', '86400');
    await house.ask('PERSIST', 'session:1');
    const wanted = await digest();
    const runId = await info('run_id');
    await house.ask('FLUSHDB');
    await house.ask('SET', 'cache:1', 'of the time after');
    await until(async () => (await house.command('find-destructive')).stdout.includes('FLUSHDB'), { what: 'it is in the log' });
    const { found } = JSON.parse((await house.command('find-destructive', '--json')).stdout) as { found: { until: string }[] };
    const reader = await readAllTheTime('cache:1');
    const report = await live('--until', found.at(-1)?.until ?? '');
    const { reads, failures } = await reader.stop();
    assert.deepEqual(failures, []);
    assert.ok(reads > 50);
    assert.equal(await digest(), wanted);
    assert.equal(await info('run_id'), runId);
    assert.equal(report.strategy, 'live');
    assert.equal(report.live?.load, 'swapdb');
    assert.equal(report.live?.persisted, 'aof');
    assert.equal(report.keysFound, KEYS + 1);
    assert.deepEqual([report.exact, report.keysAfter.keys], [true, await house.ask('DBSIZE')]);
  });

  it('leaves a primary with the settings that it had, and the archiver following it again', async () => {
    assert.equal(await info('role'), 'master');
    for (const [name, value] of [
      ['repl-diskless-load', 'disabled'],
      ['repl-timeout', '60'],
      ['masterauth', ''],
      ['masteruser', ''],
    ] as const) {
      assert.deepEqual(await house.ask('CONFIG', 'GET', name), [name, value]);
    }
    await until(async () => (await info('connected_slaves')) === '1', { seconds: 30, what: 'the archiver is back' });
    await house.ask('SET', 'written', 'after');
  });

  it('survives a kill -9 of Redis right after it: its own files have the new data', async () => {
    const now = await digest();
    await house.redis.kill('SIGKILL');
    await house.redis.restart();
    assert.equal(await digest(), now);
  });

  it('plans: what clients will feel, and each condition that is not met', async () => {
    const plan = await house.command('restore', '--strategy', 'live', '--plan');
    assert.equal(plan.code, 0, plan.stderr);
    const pinned = await house.repository.pins({ instance: 'main', shard: '0' }).list();
    assert.ok(pinned.some(({ reason }) => /restore plan/.test(reason)));
    await house.command('restore', '--strategy', 'live', '--plan');
    const again = await house.repository.pins({ instance: 'main', shard: '0' }).list();
    assert.equal(again.length, pinned.length, 'a plan that is looked at again is no other pin');
    assert.match(plan.stdout, /Reads are served from the old data all the time\. Writes get READONLY for about \d+ s/);
    await house.ask('CONFIG', 'SET', 'masterauth', 'somebody-elses');
    const refused = await house.command('restore', '--strategy', 'live', '--plan');
    assert.equal(refused.code, 40);
    assert.match(refused.stdout, /has a masterauth that could not be put back afterwards/);
    assert.doesNotMatch(refused.stdout + refused.stderr, /somebody-elses/);
    await house.ask('CONFIG', 'SET', 'masterauth', '');
  });

  it('and a replacement are refused by name while a real Sentinel watches a Redis that has a replica', async () => {
    await using replica = await startRedis({ config: { replicaof: `127.0.0.1 ${house.redis.port}` } });
    await until(async () => /master_link_status:up/.test(String(await replica.command('INFO', 'replication'))));
    await using _ = await startSentinel(house.redis.port);
    using client = await openRedis(house.redis.connection);
    await until(async () => (await countSentinels(client)) === 1, { what: 'the Sentinel is seen' });
    const byFiles = await house.command('restore', '--plan');
    assert.equal(byFiles.code, 40, byFiles.stderr);
    assert.match(
      byFiles.stdout,
      /1 Sentinel watches main: while it is stopped one of its replicas \(127\.0\.0\.1:\d+\) would be promoted/,
    );
    const live = await house.command('restore', '--strategy', 'live', '--plan');
    assert.equal(live.code, 40, live.stderr);
    assert.match(live.stdout, /1 Sentinel watches main: they would promote another server while it is loaded/);
  });
});
