import assert from 'node:assert/strict';
import type { RestoreReport } from '../../model/operations.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

const SESSIONS = 500;

describe('A restore after which much less would be there', function () {
  this.timeout(180_000);
  let house: House;
  before(async () => {
    house = await House.open({
      redis: { config: { appendonly: 'yes' } },
      instance: { archive: { segmentAge: '1s', restartDelay: '1s' } },
    });
    await house.ask('EVAL', `for i=1,${SESSIONS} do redis.call('SET', 'session:'..i, 'token'..i, 'EX', 86400) end`, '0');
    assert.equal((await house.command('archive')).code, 0);
    await until(async () => (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).length === 1, {
      what: 'the base of the log',
    });
    await house.ask('FLUSHALL');
    await until(async () => (await house.command('find-destructive')).stdout.includes('FLUSHALL'), { what: 'it is in the log' });
  });
  after(() => house?.close());

  /** A command as it was printed. */
  const typed = (line: string, ...more: string[]) => house.command(...line.split(' ').slice(1), ...more);
  const reportOf = (stdout: string) => JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as RestoreReport;
  const runId = async () => /run_id:(\w+)/.exec(String(await house.ask('INFO', 'server')))?.[1];
  let undo = '';
  let meant = '';

  it('is refused although the log is replayed to its end: the FLUSHALL is named, and the command before it', async () => {
    const before = await runId();
    const { code, stdout, stderr } = await house.command('restore', 'main', '--until', 'latest', '--yes');
    assert.deepEqual([code, stdout], [40, '']);
    assert.match(stderr, /^error: .*FLUSHALL at 20/m);
    [, undo = ''] = /To have FLUSHALL undone: `([^`]+)`/.exec(stderr) ?? [];
    [, meant = ''] = /If the loss is meant: `([^`]+)`/.exec(stderr) ?? [];
    assert.match(undo, /^redis-backup restore main --until [0-9a-f]{40}-\d{16}@\d+$/);
    assert.match(meant, /^redis-backup restore main \d{8}T\d{6}Z --until latest --accept-loss [0-9a-f]{16}-\d+ --yes$/);
    assert.equal(await runId(), before);
  });

  it('is named first in the plan', async () => {
    const { code, stdout } = await house.command('restore', 'main', '--until', 'latest', '--plan');
    assert.equal(code, 40);
    assert.ok(stdout.indexOf('Destructive moments in the log that is replayed: 1') < stdout.indexOf('What is lost'));
    assert.ok(stdout.includes(`    undone by: ${undo}\n`), stdout);
    assert.match(stdout, /--accept-loss [0-9a-f]{16}-\d+ --yes --expect-plan [0-9a-f]{16}\n$/);
  });

  it('is carried out when that loss is accepted, and its report says that nothing is there', async () => {
    const { code, stdout, stderr } = await typed(meant, '--json');
    assert.equal(code, 0, stderr);
    assert.equal(reportOf(stdout).keysAfter.keys, 0);
    assert.equal(await house.ask('DBSIZE'), 0);
  });

  it('is undone by the command that was printed: all that was there stands there, counted by class', async () => {
    const { code, stdout, stderr } = await typed(undo, '--yes', '--json');
    assert.equal(code, 0, stderr);
    const { keysAfter } = reportOf(stdout);
    assert.equal(keysAfter.keys, SESSIONS);
    assert.equal(keysAfter.classes.find(({ name }) => name === 'sessions')?.keys, SESSIONS);
  });

  it('is refused for a backup alone, against what stands there now, and allowed by name', async () => {
    const { backups } = (await house.backup()) as { backups: { backupId: string }[] };
    const id = backups[0]?.backupId ?? '';
    await house.ask('EVAL', `for i=1,${SESSIONS + 1} do redis.call('SET', 'cart:'..i, '1') end`, '0');
    const refused = await house.command('restore', 'main', id, '--yes');
    assert.equal(refused.code, 40);
    assert.match(
      refused.stderr,
      /main would be left with less than half: 500 keys of the 1,001 that it holds now, 0 other keys of the 501 that it holds now$/m,
    );
    const [, accept = ''] = /If the loss is meant: `([^`]+)`/.exec(refused.stderr) ?? [];
    const { code, stdout, stderr } = await typed(accept, '--json');
    assert.equal(code, 0, stderr);
    const report = reportOf(stdout);
    assert.deepEqual([report.exact, report.keysAfter.promised], [true, { atLeast: SESSIONS, atMost: SESSIONS }]);
    assert.match(report.proof, /500 of 500 keys are there \(sessions 500 of 500\)$/);
  });
});

describe('A log that nobody has tried', function () {
  this.timeout(180_000);
  let house: House;
  before(async () => {
    house = await House.open({
      redis: { config: { appendonly: 'yes' } },
      instance: { archive: { segmentAge: '1s', restartDelay: '1s' } },
    });
    await house.ask('EVAL', `for i=1,${SESSIONS} do redis.call('SET', 'session:'..i, 'token'..i) end`, '0');
    assert.equal((await house.command('archive')).code, 0);
    await until(async () => (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).length === 1, {
      what: 'the base of the log',
    });
  });
  after(() => house?.close());

  it('may bring less than half, which nobody could foresee: then the old data is put back, and the loss has a digest', async () => {
    // An intersection of nothing: the archiver, which looks at names of commands, does not see that it takes the key away.
    await house.ask('EVAL', `for i=1,${SESSIONS - 1} do redis.call('SINTERSTORE', 'session:'..i, 'none', 'none') end`, '0');
    await until(async () => /lost if it failed now: 0/.test((await house.command('archive', '--status')).stdout), {
      what: 'all is stored',
    });
    const plan = await house.command('restore', 'main', '--until', 'latest', '--no-rehearsal', '--plan');
    assert.match(plan.stdout, /^Not rehearsed: /m);
    assert.match(plan.stdout, /^ {2}all +500 +1 +about 500$/m);
    const { code, stderr } = await house.command('restore', 'main', '--until', 'latest', '--no-rehearsal', '--yes');
    assert.equal(code, 40);
    assert.match(
      stderr,
      /main was left with 1 key after the log, which nobody had tried: it held 1 before, and the backup has 500/,
    );
    assert.equal(await house.ask('DBSIZE'), 1);
    const [, accept = ''] = /If that is what is wanted: `([^`]+)`/.exec(stderr) ?? [];
    const accepted = await typed(accept);
    assert.equal(accepted.code, 0, accepted.stderr);
    assert.match(accepted.stdout, /^ {2}after: 1 key is there \(sessions 1\)$/m);
    assert.match(accepted.stdout, /nobody could compare that with anything$/m);
  });

  const typed = (line: string) => house.command(...line.split(' ').slice(1));
});

describe('A restore of what the log itself had filled, and taken away', function () {
  this.timeout(180_000);
  let house: House;
  before(async () => {
    house = await House.open({
      redis: { config: { appendonly: 'yes' } },
      instance: { archive: { segmentAge: '1s', restartDelay: '1s' } },
    });
    await house.ask('SET', 'k', '1'); // the base has no more
    assert.equal((await house.command('archive')).code, 0);
    await until(async () => (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).length === 1, {
      what: 'the base of the log',
    });
    await house.ask('EVAL', `for i=1,${SESSIONS} do redis.call('SET', 'session:'..i, 'token'..i, 'EX', 86400) end`, '0');
    await house.ask('FLUSHALL');
    await house.ask('SET', 'session:new', '1');
    await until(async () => (await house.command('find-destructive')).stdout.includes('FLUSHALL'), { what: 'it is in the log' });
  });
  after(() => house?.close());

  it('is refused by the name of the FLUSHALL, although neither the base nor Redis holds more', async () => {
    const { code, stderr } = await house.command('restore', 'main', '--until', 'latest', '--yes');
    assert.equal(code, 40, stderr);
    assert.match(
      stderr,
      /of the 501 that the log had, .* sessions of the 500 that the log took away at once; the log has FLUSHALL at 20/,
    );
  });

  it('is refused of sessions alone, until that is accepted; the report names the FLUSHALL and its undoing', async () => {
    const { code, stderr } = await house.command('restore', 'main', '--only', 'sessions', '--until', 'latest', '--yes');
    assert.equal(code, 40, stderr);
    assert.match(stderr, /how many sessions the log has taken away cannot be told: .*; the log has FLUSHALL at 20/);
    const [, meant = ''] = /If the loss is meant: `([^`]+)`/.exec(stderr) ?? [];
    const merged = await house.command(...meant.split(' ').slice(1));
    assert.equal(merged.code, 0, merged.stderr);
    assert.match(merged.stdout, /^warning: the log that was replayed .*FLUSHALL at 20.*--only sessions --until /m);
  });
});
