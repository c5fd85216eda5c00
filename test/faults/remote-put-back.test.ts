import assert from 'node:assert/strict';
import type { House } from '../support/house.ts';
import { RemoteRedis } from '../support/remote-redis.ts';
import { until } from '../support/until.ts';

/** The third is the one of the lock: those before only look. */
const ON_THE_WAY = [
  ...['before:openPlacement#3', 'after:openPlacement#3', 'before:stageBackup', 'after:stageBackup', 'before:storeSnapshot'],
  ...['before:requireRoom', 'before:stopServer', 'after:stopServer', 'before:requireStopped', 'before:replaceData'],
  ...['after:replaceData', 'before:closePlacement', 'after:closePlacement', 'before:startServer', 'after:startServer'],
  ...['before:awaitServing', 'before:verifyCounts', 'before:finishRestore'],
];
const WHILE_IT_IS_UNDONE = [
  ...['before:hasMovedData', 'before:endRefused', 'before:putBackFiles', 'after:putBackFiles', 'before:closePlacement#2'],
  ...['after:closePlacement#2', 'before:serveAgain', 'after:serveAgain', 'before:discardStaged', 'after:discardStaged'],
];

/** A helper that dies is waited for: all of them take a quarter of an hour. */
const EVERY_FATE = process.env.EVERY_FATE === '1';
const USUAL = [
  ...['after:stageBackup', 'after:stopServer', 'after:replaceData', 'after:closePlacement', 'before:awaitServing'],
  ...['before:endRefused', 'after:putBackFiles', 'before:serveAgain'],
];
const isTried = (fate: string): boolean => EVERY_FATE || USUAL.includes(fate);

describe('A restore of a Redis whose files only a helper reaches', function () {
  this.timeout(300_000);
  let remote: RemoteRedis;
  let house: House;
  before(async () => {
    remote = await RemoteRedis.open();
    house = remote.house;
  });
  after(() => remote?.close());
  beforeEach(async () => {
    await remote.troubled.stand({ config: { appendonly: 'yes' } });
    await remote.standOldData();
  });

  const isWorkerGone = () => house.workerPid === undefined || !isAlive(house.workerPid);
  const untilMet = async (fate: string) => {
    await until(() => remote.hasMet() || isWorkerGone(), { what: `somebody dies ${fate}`, seconds: 90 });
    if (isWorkerGone()) await house.startWorker();
  };
  const assertPutBack = async () => {
    await remote.untilFree();
    assert.deepEqual([await house.ask('GET', 'old'), await house.ask('DBSIZE')], ['data', 1]);
    assert.equal(remote.isOpen(), false, 'nobody is in its files');
  };

  for (const fate of ON_THE_WAY.filter(isTried))
    it(`that is cancelled has its old data put back when somebody dies ${fate.replace(':', ' ')}`, async () => {
      await remote.startWorkers(fate);
      const running = await house.startRestore();
      await untilMet(fate);
      await running.cancel();
      await assert.rejects(running.result());
      await assertPutBack();
    });

  for (const fate of WHILE_IT_IS_UNDONE.filter(isTried))
    it(`has its old data put back when somebody dies ${fate.replace(':', ' ')} as it is undone`, async () => {
      await remote.startWorkers(`${fate},hold:verifyCounts`);
      const running = await house.startRestore();
      await until(() => house.steps.at(-1) === 'verifyCounts', { what: 'the restore is at its proof', seconds: 90 });
      await running.cancel();
      await untilMet(fate);
      await assert.rejects(running.result());
      await assertPutBack();
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
