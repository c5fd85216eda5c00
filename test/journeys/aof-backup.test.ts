import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CloneReport } from '../../cli/clone/text.ts';
import type { AofBackupResult } from '../../model/backup/aof-backup.ts';
import type { RestoreReport } from '../../model/operations.ts';
import type { AofBackups } from '../../repository/aof-backups.ts';
import { House } from '../support/house.ts';

describe('A backup of the append-only log', function () {
  this.timeout(180_000);
  let house: House;
  let backups: AofBackups;
  before(async () => {
    house = await House.open({ redis: { config: { appendonly: 'yes', 'auto-aof-rewrite-percentage': '77' } } });
    backups = house.repository.aof({ instance: 'main', shard: '0' });
    await house.ask('EVAL', "for i=1,300 do redis.call('SET', 'session:'..i, 'token', 'EX', 86400) end", '0');
    await house.ask('BGREWRITEAOF');
    await house.ask('SET', 'cart:1', 'in the log');
  });
  after(() => house?.close());

  const percentage = async () => ((await house.ask('CONFIG', 'GET', 'auto-aof-rewrite-percentage')) as string[])[1];
  const pins = () => {
    const work = join(house.redis.dir, '.redis-backup');
    return existsSync(work) ? readdirSync(work).filter((name) => name.startsWith('aof-')) : [];
  };

  it('is taken by the command while Redis goes on, listed and shown', async () => {
    const { code, stdout, stderr } = await house.command('backup', '--aof');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^stored the log of main as AOF backup \d{8}T\d{6}Z: 2 files, .+ as .+, 300 keys in its base, in /);
    const [manifest] = await backups.list();
    assert.equal(manifest?.base?.census.classes.find(({ name }) => name === 'sessions')?.keys, 300);
    assert.match((await house.command('list')).stdout, /^AOF backup +age +log +stored +Redis +reason\n\d{8}T\d{6}Z .+ manual$/m);
    const shown = await house.command('show', manifest?.backupId ?? '');
    assert.match(shown.stdout, /^main AOF backup .+\n[\s\S]+ {2}file +appendonly\.aof\.\d\.base\.rdb, [\s\S]+sessions +300/);
    assert.equal(await percentage(), '77');
    assert.deepEqual(pins(), []);
  });

  it('is taken with the input that examples/ has', async () => {
    const example = new URL('../../examples/backupAof.json', import.meta.url);
    const args = [JSON.parse(readFileSync(example, 'utf8'))];
    const result = (await house.client.workflow.execute('backupAof', {
      workflowId: 'backup-aof/main',
      taskQueue: 'redis-ops',
      args,
    })) as AofBackupResult;
    assert.equal(result.outcome, 'stored');
  });

  it('puts back its setting and removes its links when its worker is killed in the middle, and ends right', async () => {
    const count = (await backups.list()).length;
    const doomed = await house.startDoomedWorker('after:storeAof');
    const running = house.command('backup', '--aof');
    await doomed.met;
    const { code, stderr } = await running;
    assert.equal(code, 0, stderr);
    assert.equal((await backups.list()).length, count + 1);
    assert.equal(await percentage(), '77');
    assert.deepEqual(pins(), []);
  });

  const digest = async () => String(await house.ask('DEBUG', 'DIGEST'));
  const restored = async (...args: string[]) => {
    const { code, stdout, stderr } = await house.command('restore', ...args, '--yes', '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as RestoreReport;
  };
  it('is restored whole: base and log, with proof', async () => {
    const wanted = await digest();
    const { stdout } = await house.command('backup', '--aof', '--json');
    const { backup } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { backup: { backupId: string } };
    await house.ask('FLUSHALL');
    await house.ask('SET', 'written:after', '1');
    const plan = await house.command('restore', '--aof-backup', backup.backupId, '--plan');
    assert.match(plan.stdout, /^from AOF backup \S+, taken .+: a base of .+, and .+ of log$/m);
    assert.match(plan.stdout, /redis-backup restore main --aof-backup \S+ --yes --expect-plan [0-9a-f]{16}/);
    const named = await house.command('restore', backup.backupId, '--plan');
    assert.match(
      named.stderr,
      /is no snapshot but a copy of its append-only log\nnext: .*`redis-backup restore main --aof-backup \S+`/,
    );
    const clone = await house.command('clone', '--at', backup.backupId, '--json');
    assert.equal(clone.code, 0, clone.stderr);
    const { directory, keys } = JSON.parse(clone.stdout.trim().split('\n').at(-1) ?? '') as CloneReport;
    assert.equal((await house.command('clone', '--stop', directory)).code, 0);
    assert.equal(keys, 301, 'base and log');
    const report = await restored('--aof-backup', backup.backupId);
    assert.equal(await digest(), wanted);
    assert.match(report.proof, /301 keys are there \(sessions 300/);
    assert.equal(await house.ask('EXISTS', 'written:after'), 0);
  });

  it('names what its log takes, and where in it, before it is restored, and asks', async () => {
    await house.ask('MSET', ...Array.from({ length: 50 }, (_, i) => [`session:late:${i}`, 'token']).flat());
    await house.ask('FLUSHALL');
    await house.ask('SET', 'written:after', '1');
    const { stdout } = await house.command('backup', '--aof', '--json');
    const { backup } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { backup: { backupId: string } };
    const plan = await house.command('restore', '--aof-backup', backup.backupId, '--plan');
    assert.equal(plan.code, 40, plan.stdout);
    assert.match(plan.stdout, /before \S+ \S+ UTC {2}FLUSHALL in database 0, which took \d+ of \d+ keys \(sessions 350/);
    assert.match(plan.stdout, /undone by: unpack the copy, .+, cut appendonly\.aof\.\d\.incr\.aof to its first [\d,]+ bytes/);
    const untried = await house.command('restore', '--aof-backup', backup.backupId, '--no-rehearsal', '--plan');
    assert.equal(untried.code, 40, untried.stdout);
    assert.match(untried.stdout, /cannot be told: the log was not rehearsed/);
  });

  it('is refused for an input with both a moment and a copy, or neither', async () => {
    for (const parts of [{}, { until: 'latest', aofBackup: '20260801T060000Z' }]) {
      const run = house.client.workflow.execute('restoreFromAof', {
        workflowId: 'restore/main',
        taskQueue: 'redis-ops',
        args: [{ instance: 'main', strategy: 'replace', ...parts }],
      });
      await assert.rejects(run, (error: Error) => /must have "until" or "aofBackup", and not both/.test(String(error.cause)));
    }
    assert.equal((await house.command('restore', '--aof-backup', 'latest', '--plan')).code, 2);
    assert.equal((await house.command('restore', '--aof-backup', '20260801T060000Z', '--until', 'latest', '--plan')).code, 2);
    assert.equal((await house.command('restore', '--aof-backup', '20200801T060000Z', '--plan')).code, 20);
  });
});
