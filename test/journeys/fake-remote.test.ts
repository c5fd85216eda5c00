import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import { endFakeRemote } from '../support/fake-remote.ts';
import type { House } from '../support/house.ts';
import { isKept, KEYS, SESSIONS, Troubled } from '../support/troubled.ts';
import { until } from '../support/until.ts';

const CONTROL = ['stopServer', 'requireStopped', 'startServer', 'verifyCounts', 'serveAgain'];
const FILES = ['stageBackup', 'replaceData', 'putBackFiles'];

describe('A Redis whose files only a helper reaches', function () {
  this.timeout(300_000);
  const home = mkdtempSync(join(tmpdir(), 'redis-backup-fake-remote-'));
  let redis: Troubled;
  let house: House;
  before(async () => {
    process.env.FAKE_REMOTE = home;
    redis = await Troubled.open();
    house = redis.house;
    writeFileSync(join(home, 'volume'), redis.dir);
  });
  after(async () => {
    delete process.env.FAKE_REMOTE;
    await redis?.close();
    await endFakeRemote(home);
    rmSync(home, { recursive: true, force: true });
  });
  beforeEach(() => redis.stand({ config: { appendonly: 'yes' } }));

  const isOpen = () => existsSync(join(home, 'helper.json'));
  const free = () => until(async () => !(await house.isLocked()), { what: 'the lock is free', seconds: 120 });
  const standOldData = async () => {
    await house.ask('FLUSHALL');
    await house.ask('SET', 'old', 'data');
  };
  /** Whoever would meet it again is replaced by one who does not. */
  const fresh = async (fate?: string) => {
    await endFakeRemote(home);
    rmSync(join(home, 'met'), { force: true });
    await house.killWorker();
    await house.startWorker(fate);
  };

  it('is restored, and nobody is in its files when it is started and when all is over', async () => {
    await fresh();
    await standOldData();
    const { keysFound, warnings } = await house.restore();
    assert.equal(keysFound, KEYS);
    assert.equal(await house.ask('DBSIZE'), KEYS);
    assert.equal(isOpen(), false);
    assert.match(warnings.join('\n'), /could not be proved that the Redis which answers for main is the one/);
  });

  it('is only looked at by a plan, and left afterwards', async () => {
    await house.restore({ planOnly: true });
    assert.equal(isOpen(), false);
    assert.equal(await house.ask('DBSIZE'), KEYS);
  });

  it('is restored by another helper when one dies in the middle', async () => {
    await standOldData();
    await fresh('after:replaceData');
    assert.equal((await house.restore()).keysFound, KEYS);
    assert.equal(existsSync(join(home, 'met')), true);
  });

  for (const step of [...CONTROL, ...FILES])
    it(`has its old data back when who does ${step} is killed, and the restore is cancelled`, async () => {
      await standOldData();
      const isUndone = step === 'serveAgain' || step === 'putBackFiles';
      await fresh(isUndone ? `before:${step},hold:verifyCounts` : `before:${step}`);
      const { workerPid } = house;
      const running = await house.startRestore();
      const isHeld = () => house.steps.at(-1) === 'verifyCounts';
      const isMet = () => existsSync(join(home, 'met')) || (workerPid !== undefined && !isAlive(workerPid));
      if (isUndone) {
        await until(isHeld, { what: 'the restore is at its proof', seconds: 60 });
        await running.cancel();
      }
      await until(isMet, { what: `${step} meets its fate`, seconds: 60 });
      if (workerPid !== undefined && !isAlive(workerPid)) await house.startWorker();
      if (!isUndone) await running.cancel();
      await assert.rejects(running.result());
      await free();
      assert.deepEqual([await house.ask('GET', 'old'), await house.ask('DBSIZE')], ['data', 1]);
      assert.equal(isOpen(), false);
    });

  it('serves again after its log was damaged, with the damaged files kept, and its sessions back', async () => {
    await fresh();
    const files = await redis.cutLog();
    const running = await redis.start({ onDamage: 'serve-empty' });
    await redis.answer(/session/);
    const report = (await running.result()) as RecoveryReport;
    assert.equal(report.outcome, 'serving', report.summary);
    assert.equal(report.restored?.[0]?.restored, SESSIONS);
    assert.ok(isKept(files, join(redis.dir, '.redis-backup')), 'the damaged files are kept');
    assert.equal(isOpen(), false);
  });

  it('serves again after the end of its log was damaged, and is cut there', async () => {
    await fresh();
    await redis.endLogInZeros();
    const report = await redis.recover();
    assert.equal(report.outcome, 'serving', report.summary);
    assert.equal(await house.ask('DBSIZE'), KEYS);
    assert.equal(isOpen(), false);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
