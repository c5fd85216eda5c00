import assert from 'node:assert/strict';
import { House } from '../support/house.ts';

const SESSIONS = 1000;

describe('After the sessions were lost and the cache had filled again', function () {
  this.timeout(180_000);
  let house: House;
  const fill = (prefix: string, count: number) =>
    house.ask('EVAL', `for i=1,${count} do redis.call('SET', '${prefix}:'..i, 'v'..i) end`, '0');
  const backup = async (): Promise<string> => {
    const { backups } = (await house.backup()) as { backups: { backupId: string }[] };
    return backups[0]?.backupId ?? '';
  };
  before(async () => {
    house = await House.open();
  });
  after(() => house?.close());

  it('latest is the backup that has them, and everything that a person asks names the newer one and why', async () => {
    await fill('session', SESSIONS);
    await fill('cache', 1500);
    const whole = await backup();
    await house.ask('FLUSHALL');
    await fill('cache', 360);
    const cacheOnly = await backup();
    const why = `\`latest\` is ${whole}: the newer ${cacheOnly} has less than a tenth of its 1,000 sessions`;
    assert.ok((await house.command('list', 'main')).stdout.includes(`warning: ${why}`));
    assert.ok((await house.command('status', 'main')).stdout.includes(`; \`latest\` is ${whole}`));
    const { stdout: plan } = await house.command('restore', 'main', '--plan');
    assert.ok(plan.includes(whole), plan);
    assert.ok(plan.includes(why), plan);
    const { code, stderr } = await house.command('restore', 'main', '--yes');
    assert.equal(code, 0, stderr);
    assert.equal(await house.ask('EXISTS', 'session:1', `session:${SESSIONS}`), 2);
  });
});
