import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { backupIdAt } from '../../model/instance.ts';
import type { MergedReport, MergePlan } from '../../model/merge/merge.ts';
import { MINIMUM_ACL } from '../../redis/acl.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

describe('A selective restore', function () {
  this.timeout(180_000);
  let house: House;
  let backupId = '';
  let beforeFlush = '';
  let afterFlush = '';
  let spool = '';
  before(async () => {
    house = await House.open({
      redis: {
        config: { appendonly: 'yes' },
        users: {
          merger: `on >secret ${[...MINIMUM_ACL.backup, ...MINIMUM_ACL.merge].join(' ')}`,
        },
      },
      instance: { archive: { segmentAge: '1s', restartDelay: '1s' } },
    });
    spool = join(house.dir, 'spool');
    await mkdir(spool);
    await house.reconfigure((config) => {
      Object.assign(config, { worker: { host: 'here', spool: { directory: spool, maxBytes: '1GB' } } });
    });
    await house.ask(
      'EVAL',
      "for i=1,100 do redis.call('SET', 'session:'..i, 'old', 'EX', 86400) redis.call('SET', 'cache:'..i, 'old') end",
      '0',
    );
    const shortEndsAt = Date.now() + 4_000;
    await house.ask('SET', 'session:short', 'old', 'PXAT', `${shortEndsAt}`);
    assert.equal((await house.command('archive')).code, 0);
    await until(async () => (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).length === 1, {
      what: 'the base of the log',
    });
    backupId = (await house.repository.snapshots({ instance: 'main', shard: '0' }).list())[0]?.backupId ?? '';
    await house.ask('DEL', 'session:1'); // signed out
    await house.ask('SET', 'session:new', 'old', 'EX', '86400');
    await house.ask('FLUSHALL');
    await until(async () => (await house.command('find-destructive')).stdout.includes('FLUSHALL'), { what: 'it is in the log' });
    const { stdout } = await house.command('find-destructive', '--json');
    afterFlush = new Date().toISOString();
    beforeFlush = (JSON.parse(stdout) as { found: { until: string }[] }).found[0]?.until ?? '';
    await until(() => Date.now() > shortEndsAt, { what: 'a session has ended' });
  });
  after(() => house?.close());
  beforeEach(async () => {
    await house.ask('FLUSHALL');
    await house.ask('SET', 'session:2', 'newer', 'EX', '86400');
  });
  afterEach(() => assert.deepEqual(readdirSync(spool), [], 'a copy was left behind'));

  const restore = async <T>(...args: string[]): Promise<T> => {
    const { code, stdout, stderr } = await house.command('restore', ...args, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
  };

  it('brings back the sessions that are missing as they were before the FLUSHALL, and leaves newer ones and the rest', async () => {
    const report = await restore<MergedReport>('--only', 'sessions', '--until', beforeFlush, '--yes');
    const [sessions, other] = report.classes;
    assert.equal(other, undefined);
    assert.deepEqual([sessions?.name, sessions?.restored, sessions?.kept, sessions?.failed], ['sessions', 99, 1, 0]);
    assert.equal(await house.ask('GET', 'session:2'), 'newer');
    assert.equal(await house.ask('GET', 'session:new'), 'old');
    assert.equal(await house.ask('EXISTS', 'session:1', 'cache:1'), 0);
    assert.ok(Number(await house.ask('TTL', 'session:3')) <= 86_400);
    assert.equal(await house.ask('DBSIZE'), 100);
  });

  it('says beforehand what a backup alone would bring back, signed-out sessions too, and touches nothing', async () => {
    const { plan } = await restore<{ plan: MergePlan }>(backupId, '--only', 'sessions,apiCache', '--plan');
    const [sessions, cache] = plan.classes;
    assert.deepEqual([sessions?.keysInBackup, sessions?.aliveNow.atLeast, sessions?.keysNow], [101, 100, 1]);
    assert.deepEqual(cache, { name: 'apiCache', keysInBackup: 100, aliveNow: { atLeast: 100, atMost: 100 }, keysNow: 0 });
    assert.deepEqual(plan.rehearsal?.classes, [
      { name: 'sessions', alive: 100, there: 1 },
      { name: 'apiCache', alive: 100, there: 0 },
    ]);
    assert.match(plan.warnings.join(), /does not know who signed out since: at most 10[01] sessions that were ended come back/);
    const { stdout } = await house.command('restore', '--only', 'sessions', '--until', beforeFlush, '--plan');
    assert.match(stdout, /^Merge into main what it lacks of sessions, as it was 20/);
    assert.match(stdout, /in the backup {2}in main now {2}alive in the copy {2}comes back\n +sessions +101 +1 +100 +99\n/); // by the log
    assert.doesNotMatch(stdout, /signed out/); // the log has it
    assert.equal(await house.ask('DBSIZE'), 1);
  });

  it('from a backup alone revives them, and counts what has expired since', async () => {
    const { classes } = await restore<MergedReport>(backupId, '--only', 'sessions', '--yes');
    assert.deepEqual(classes, [
      { name: 'sessions', restored: 99, kept: 1, expired: 1, failed: 0, promised: 100, standing: 100, reasons: [] },
    ]);
    assert.equal(await house.ask('EXISTS', 'session:1'), 1);
  });

  it('asks before it brings back what a FLUSHALL in the log has left, and names the moment before it', async () => {
    const { code, stderr } = await house.command('restore', '--only', 'sessions', '--until', afterFlush, '--yes');
    assert.equal(code, 40, stderr);
    assert.match(
      stderr,
      /less than half: 0 sessions of the \d+ in the backup are alive at that moment; the log has FLUSHALL at 20/,
    );
    assert.ok(stderr.includes(`redis-backup restore main --only sessions --until ${beforeFlush}\``), stderr);
    const meant = /If the loss is meant: `redis-backup (.+?)`/.exec(stderr)?.[1]?.split(' ') ?? [];
    const plan = await house.command('restore', '--only', 'sessions', '--until', afterFlush, '--plan');
    assert.deepEqual([plan.code, /^Refused: main would get back less than half/m.test(plan.stdout)], [40, true], plan.stdout);
    assert.equal((await house.command(...meant)).code, 0);
    assert.equal(await house.ask('DBSIZE'), 1);
  });

  describe('of 3 MB into a Redis that has room for half of it', () => {
    let large = '';
    before(async () => {
      const fill = "for i=1,300 do redis.call('SET', 'session:large:'..i, string.rep('x', 10000), 'EX', 86400) end";
      await house.ask('EVAL', fill, '0');
      const { stdout } = await house.command('backup', '--json');
      large = /"backupId":"(\w+)"/.exec(stdout)?.[1] ?? '';
    });
    beforeEach(async () => {
      await house.ask('EVAL', "for i=1,200 do redis.call('SET', 'perm:'..i, 'newer') end", '0');
      const used = Number(/used_memory:(\d+)/.exec(String(await house.ask('INFO', 'memory')))?.[1]);
      await house.ask('CONFIG', 'SET', 'maxmemory', `${used + 1_500_000}`);
    });
    afterEach(async () => {
      await house.ask('CONFIG', 'SET', 'maxmemory', '0');
      await house.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    });

    for (const policy of ['allkeys-lru', 'volatile-lru', 'noeviction']) {
      it(`is refused with the bytes to set, and takes nothing away from what lives (${policy})`, async () => {
        await house.ask('CONFIG', 'SET', 'maxmemory-policy', policy);
        const how = policy === 'noeviction' ? '--plan' : '--yes';
        const { code, stdout, stderr } = await house.command('restore', large, '--only', 'sessions', how);
        assert.equal(code, 40, stderr);
        assert.match(
          stdout + stderr,
          /the keys that are missing .+ main uses .+ of its maxmemory of .+: it would (?:evict|refuse)/,
        );
        assert.match(stdout + stderr, /at least [\d,]+ bytes \(CONFIG SET maxmemory \d+\)/);
        assert.equal(await house.ask('DBSIZE'), 201);
      });
    }
  });

  it('that could not bring back all is no success, counts what stands, and has the command that goes on', async () => {
    await house.ask('CLIENT', 'PAUSE', '60000', 'WRITE'); // the merge stands still at its first RESTORE
    const running = house.command('restore', '--only', 'sessions', '--until', beforeFlush, '--yes', '--json');
    await until(async () => String(await house.ask('CLIENT', 'LIST')).includes('cmd=restore'), { what: 'it restores' });
    await house.ask('CONFIG', 'SET', 'maxmemory', '1mb'); // by somebody else
    await house.ask('CLIENT', 'UNPAUSE');
    const { code, stdout } = await running;
    await house.ask('CONFIG', 'SET', 'maxmemory', '0');
    assert.equal(code, 59, stdout);
    const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as MergedReport;
    assert.equal(report.outcome, 'incomplete');
    assert.equal(report.classes[0]?.promised, 100);
    assert.equal(report.classes[0]?.standing, await house.ask('DBSIZE'));
    assert.match(
      report.toDo.join(),
      /sessions are missing; .+ set maxmemory to at least .+ `(?<command>redis-backup restore main .+ --yes)`/,
    );
    const again = /`redis-backup (.+?)`/.exec(report.toDo.join())?.[1]?.split(' ') ?? [];
    assert.equal((await house.command(...again)).code, 0);
    assert.equal(await house.ask('DBSIZE'), 100);
  });

  it('ends a copy that runs when its worker is killed, and goes on anew', async () => {
    await house.ask('CLIENT', 'PAUSE', '60000', 'WRITE'); // the merge stands still at its first RESTORE, with its copy running
    const running = house.command('restore', '--only', 'sessions', '--until', beforeFlush, '--yes');
    await until(() => throwawayIn(spool) !== undefined, { what: 'the copy runs' });
    const first = throwawayIn(spool)?.pid ?? 0;
    await house.killWorker();
    assert.ok(isThere(first), 'it outlives the worker');
    await house.ask('CLIENT', 'UNPAUSE');
    await house.startWorker();
    const { code, stderr } = await running;
    assert.equal(code, 0, stderr);
    assert.equal(isThere(first), false);
    assert.equal(await house.ask('DBSIZE'), 100);
  });

  it('is started with the input that examples/ has', async () => {
    const example = new URL('../../examples/mergeFromBackup.json', import.meta.url);
    const args = [JSON.parse(readFileSync(example, 'utf8'))];
    const report = await house.client.workflow.execute('mergeFromBackup', {
      workflowId: 'restore/main',
      taskQueue: 'redis-ops',
      args,
    });
    assert.equal(report.outcome, 'merged');
    const mistyped = house.client.workflow.execute('mergeFromBackup', {
      workflowId: 'restore/main',
      taskQueue: 'redis-ops',
      args: [{ instance: 'main', classes: 'sessions' }],
    });
    await assert.rejects(mistyped, (error: Error) => /"classes" is "sessions", it must be a list/.test(String(error.cause)));
  });

  it('refuses by name what is no data class, and what has no meaning', async () => {
    const { code, stderr } = await house.command('restore', '--only', 'sessions,sesions', '--plan');
    assert.equal(code, 2);
    assert.match(
      stderr,
      /main has no data class sesions\nnext: The data classes are: sessions, apiCache, .+, other; functions are the function libraries\./,
    );
    assert.match(
      (await house.command('restore', '--only', 'sessions', '--direct', '--yes')).stderr,
      /--direct has no meaning with --only/,
    );
    for (const flags of [
      ['--no-rehearsal'],
      ['--allow-unparsed'],
      ['--from-another'],
      ['--strategy', 'live'],
      ['--skip-safety-snapshot'],
    ]) {
      const refused = await house.command('restore', '--only', 'sessions', ...flags, '--plan');
      assert.equal(refused.code, 2, refused.stdout);
      assert.ok(refused.stderr.includes(`${flags[0]} has no meaning with --only`), refused.stderr);
    }
    assert.match((await house.command('restore', '--only', 'sessions')).stderr, /nobody is there to be asked/);
  });

  it('asks to name the backup where a newer one is damaged, and restores the one that is named', async () => {
    const damaged = backupIdAt(Date.now());
    const folder = join(house.dir, 'backups/main/0/snapshots', damaged);
    await mkdir(folder);
    await writeFile(join(folder, 'manifest.json'), '{"formatVersion": 1');
    const plan = await house.command('restore', '--only', 'sessions', '--plan');
    assert.match(plan.stdout, new RegExp(`backup ${damaged}`), 'in the plan');
    const { code, stderr } = await house.command('restore', '--only', 'sessions', '--yes');
    assert.equal(code, 40, stderr);
    assert.match(stderr, new RegExp(damaged));
    const named = /`redis-backup (restore main \d{8}T\d{6}Z --only sessions)`/.exec(stderr)?.[1]?.split(' ') ?? [];
    assert.equal(named[2], backupId, stderr);
    const { classes } = await restore<MergedReport>(...named.slice(1), '--yes');
    assert.equal(classes[0]?.restored, 99);
    await rm(folder, { recursive: true });
  });

  it('needs of the ACL what is written down, and no more', async () => {
    await house.reconfigure((config) => {
      const main = config.instances.main ?? {};
      Object.assign(main, { url: main.url, username: 'merger', password: { env: 'HOUSE_MERGER' } });
    });
    await house.killWorker();
    await house.startWorker(undefined, { HOUSE_MERGER: 'secret' });
    const { classes } = await restore<MergedReport>(backupId, '--only', 'sessions', '--yes');
    assert.equal(classes[0]?.restored, 99);
  });

  it('is refused for a replica', async () => {
    await house.ask('REPLICAOF', '127.0.0.1', '1');
    const { code, stderr } = await house.command('restore', '--only', 'sessions', '--plan');
    assert.equal(code, 40, stderr);
    assert.match(stderr, /main is a replica/);
    await house.ask('REPLICAOF', 'NO', 'ONE');
  });
});

function throwawayIn(spool: string): { pid: number } | undefined {
  for (const name of readdirSync(spool, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('throwaway.json')) return JSON.parse(readFileSync(join(spool, name), 'utf8')) as { pid: number };
  }
  return undefined;
}

function isThere(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
