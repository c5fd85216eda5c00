import assert from 'node:assert/strict';
import type { RestoreReport } from '../../model/operations.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

/** Data that nothing changes by itself, so that two moments can be compared. */
const digest = async (house: House): Promise<string> => String(await house.ask('DEBUG', 'DIGEST'));

describe('A restore to a moment of the log', function () {
  this.timeout(180_000);
  let house: House;
  before(async () => {
    house = await House.open({
      redis: { config: { appendonly: 'yes' } },
      instance: { archive: { segmentAge: '1s', restartDelay: '1s' } },
    });
    await house.ask('EVAL', "for i=1,500 do redis.call('SET', 'session:'..i, 'token'..i, 'EX', 86400) end", '0');
    assert.equal((await house.command('archive')).code, 0);
    await until(async () => (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).length === 1, {
      what: 'the base of the log',
    });
  });
  after(() => house?.close());

  const restore = async (moment: string): Promise<RestoreReport> => {
    const { code, stdout, stderr } = await house.command('restore', '--until', moment, '--yes', '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as RestoreReport;
  };
  let wanted = '';
  let undo = '';

  it('is found: the FLUSHALL in the middle of writes, and the offset right before it', async () => {
    for (let i = 0; i < 300; i++) await house.ask('HSET', `cart:${i % 7}`, `item${i}`, 'x'.repeat(i));
    wanted = await digest(house);
    await house.ask('FLUSHALL');
    await house.ask('SET', 'written:after', '1');
    await until(async () => (await house.command('find-destructive')).stdout.includes('FLUSHALL'), { what: 'it is in the log' });
    const { stdout } = await house.command('find-destructive', '--json');
    const { found } = JSON.parse(stdout) as { found: { command: string; until: string }[] };
    assert.equal(found.length, 1);
    assert.equal(found[0]?.command, 'FLUSHALL');
    undo = found[0]?.until ?? '';
  });

  it('says what it would bring back and lose, and touches nothing', async () => {
    const { code, stdout } = await house.command('restore', '--until', undo, '--plan');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^Restore main as it was 20/);
    assert.match(stdout, /of log, offsets \d+ to \d+ of timeline [0-9a-f]{40}-\d{16}/);
    assert.equal(await house.ask('DBSIZE'), 1);
  });

  it('brings back exactly what was there before the FLUSHALL, and nothing that came after it', async () => {
    const report = await restore(undo);
    assert.equal(await digest(house), wanted);
    assert.equal(await house.ask('EXISTS', 'written:after'), 0);
    assert.deepEqual([report.exact, report.keysAfter.keys], [true, await house.ask('DBSIZE')]);
    assert.match(report.proof, /keys are there \(sessions /);
  });

  it('lets the archiver come back, on a new timeline with a base of its own', async () => {
    await until(
      async () =>
        (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).filter(({ reason }) => reason === 'archive')
          .length === 2,
      {
        seconds: 40,
        what: 'the second base',
      },
    );
    await house.ask('SET', 'on-the-new-timeline', '1');
    const now = await digest(house);
    await until(async () => /lost if it failed now: 0/.test((await house.command('archive', '--status')).stdout), {
      what: 'all is stored',
    });
    await house.ask('FLUSHALL');
    await restore(new Date(Date.now() - 1).toISOString()).catch(() => undefined);
    const { stdout } = await house.command('find-destructive', '--json');
    const last = (JSON.parse(stdout) as { found: { until: string }[] }).found.at(-1)?.until ?? '';
    assert.notEqual(last, undo);
    await restore(last);
    assert.equal(await digest(house), now);
  });

  it('refuses a moment in a gap, and names the nearest ones that can be restored', async () => {
    const { code, stderr } = await house.command('restore', '--until', '2020-01-01T00:00:00Z', '--plan');
    assert.equal(code, 24);
    assert.match(stderr, /cannot be restored to that moment: the archive begins at/);
    assert.match(stderr, /^next: Choose the first after it, /m);
  });

  it('takes a time as people type it, and repeats it in UTC', async () => {
    const { stderr, code } = await house.command('restore', '--until', '30d ago', '--plan');
    assert.equal(code, 24, stderr); // understood: it is before the log begins
    assert.match(stderr, /--until "30d ago" is .*2\d{3}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{3})? UTC$/m);
  });

  it('refuses what is no moment', async () => {
    for (const moment of ['10', '2026-02-30T10:00:00Z', 'yesterday', '2026-08-01 10:42 CET']) {
      const { code, stderr } = await house.command('restore', '--until', moment, '--plan');
      assert.equal(code, 2);
      assert.match(stderr, /--until is ".*", which is no time/);
    }
  });
});
