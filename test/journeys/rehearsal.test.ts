import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RestorePlan } from '../../model/restore/plan/plan.ts';
import { House } from '../support/house.ts';
import { ownDirectory } from '../support/processes.ts';
import { until } from '../support/until.ts';

const SESSIONS = 20_000;

describe('A restore that is rehearsed', function () {
  this.timeout(180_000);
  const spool = mkdtempSync(join(tmpdir(), 'redis-backup-spool-'));
  ownDirectory(spool);
  let house: House;
  let wanted = '';
  let undo = '';
  before(async () => {
    house = await House.open({
      redis: { config: { appendonly: 'no', save: '' } },
      worker: { spool: { directory: spool } },
      instance: { archive: { segmentAge: '1s', restartDelay: '1s' } },
    });
    await fill('session');
    assert.equal((await house.command('archive')).code, 0);
    await until(async () => (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).length === 1, {
      what: 'the base of the log',
    });
    await fill('new');
    wanted = await digest();
    await house.ask('FLUSHALL');
    await house.ask('SET', 'written:after', '1');
    await until(async () => (await house.command('find-destructive')).stdout.includes('FLUSHALL'), { what: 'it is in the log' });
  });
  after(() => house?.close());

  const fill = (name: string) =>
    house.ask('EVAL', `for i=1,${SESSIONS} do redis.call('SET', '${name}:'..i, string.rep(i, 20)) end`, '0');
  const digest = async (): Promise<string> => String(await house.ask('DEBUG', 'DIGEST'));
  const left = (): string[] => [...readdirSync(spool), ...processesIn(spool)];
  const isUnderWay = () => until(() => left().length > 0, { what: 'it is rehearsed' });

  it('says before anything is touched that the log empties Redis, by what, and how to have it undone', async () => {
    const { code, stdout } = await house.command('restore', '--until', 'latest', '--plan', '--json');
    const { plan } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { plan: RestorePlan };
    assert.equal(plan.rehearsal?.done, true);
    assert.deepEqual(
      plan.moments.map(({ command, keysBefore, keysAfter, took }) => ({ command, keysBefore, keysAfter, took })),
      [
        {
          command: 'FLUSHALL',
          keysBefore: 2 * SESSIONS,
          keysAfter: 0,
          took: [
            { name: 'sessions', keys: SESSIONS },
            { name: 'other', keys: SESSIONS },
          ],
        },
      ],
    );
    undo = plan.moments[0]?.until ?? '';
    assert.notEqual(code, 0);
    assert.equal(await house.ask('DBSIZE'), 1);
    assert.deepEqual(left(), []);
  });

  for (const strategy of ['replace', 'live'] as const) {
    it(`brings back the very data with strategy ${strategy}, of a Redis with appendonly no`, async () => {
      await house.ask('FLUSHALL');
      const { code, stderr } = await house.command('restore', '--until', undo, '--strategy', strategy, '--yes');
      assert.equal(code, 0, stderr);
      assert.equal(await digest(), wanted);
      assert.deepEqual(left(), []);
    });
  }

  it('brings it back without Temporal, too', async () => {
    await house.ask('FLUSHALL');
    const { code, stderr } = await house.command('restore', '--until', undo, '--direct', '--yes');
    assert.equal(code, 0, stderr);
    assert.equal(await digest(), wanted);
    assert.deepEqual(left(), []);
  });

  it('goes on where its worker was killed, and leaves nothing of the first try', async () => {
    await house.ask('FLUSHALL');
    const restored = house.command('restore', '--until', undo, '--yes');
    await isUnderWay();
    await house.killWorker();
    await house.startWorker();
    const { code, stderr } = await restored;
    assert.equal(code, 0, stderr);
    assert.equal(await digest(), wanted);
    assert.deepEqual(left(), []);
  });

  it('is cancelled at once, and leaves nothing', async () => {
    await house.ask('SET', 'stands', 'here');
    const stands = await digest();
    const restored = house.command('restore', '--until', undo, '--yes');
    await isUnderWay();
    await house.client.workflow.getHandle('restore/main').cancel();
    assert.notEqual((await restored).code, 0);
    await until(() => left().length === 0, { what: 'nothing is left' });
    assert.equal(await digest(), stands);
  });
});

/** Servers whose directory is below this one. */
function processesIn(directory: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(directory);
    } catch {
      return false; // gone, or not ours to see
    }
  });
}
