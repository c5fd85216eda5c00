import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { moveAside } from '../../platforms/data-directory.ts';
import { House } from '../support/house.ts';
import { killAtTheEnd } from '../support/processes.ts';
import { until } from '../support/until.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const KEYS = 300_000;

/** As over ssh: when the connection is lost nobody hears it any more, and it gets SIGHUP. */
describe('restore --direct', function () {
  this.timeout(180_000);
  let house: House;
  before(async () => {
    house = await House.open({ redis: { config: { appendonly: 'yes' } } });
    await house.ask('DEBUG', 'POPULATE', `${KEYS}`, 'session', '100');
    await house.ask('BGREWRITEAOF'); // DEBUG POPULATE is not in the log
    await until(async () => /aof_rewrite_in_progress:0/.test(String(await house.ask('INFO', 'persistence'))), { what: 'a base' });
    await house.backup();
    await house.ask('SET', 'written', 'since'); // only the old data has it
  });
  after(() => house?.close());

  function direct() {
    const args = [MAIN, 'restore', 'main', '--direct', '--yes', '--skip-safety-snapshot', '--config', house.configFile];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: process.env });
    killAtTheEnd(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
    const exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
    return { child, exit, said: () => said };
  }
  const isDown = async () => (await house.ask('PING').catch(() => undefined)) !== 'PONG';
  const old = async () => [await house.ask('DBSIZE'), await house.ask('EXISTS', 'written')];

  for (const signal of ['SIGHUP', 'SIGTERM', 'SIGINT'] as const)
    it(`puts everything back when ${signal} comes after the stop, though its terminal is gone`, async () => {
      const { child, exit, said } = direct();
      await until(async () => child.exitCode !== null || (await isDown()), { what: 'Redis is stopped' });
      assert.equal(child.exitCode, null, said());
      child.stdout.destroy();
      child.stderr.destroy();
      for (let times = 0; times < 3; times++) child.kill(signal);
      assert.equal(await exit, 52, said());
      await until(async () => !(await isDown()), { what: 'Redis serves', seconds: 30 });
      assert.deepEqual(await old(), [KEYS + 1, 1]);
    });

  it('that was killed with the data moved away is seen by check and leftovers, and put back by a worker that starts', async () => {
    await house.killWorker();
    await house.ask('SHUTDOWN', 'NOSAVE').catch(() => undefined); // by now it is one that a restore has started
    await until(isDown, { what: 'Redis is down' });
    const { dir } = house.redis;
    const names = { dbfilename: 'dump.rdb', appenddirname: 'appendonlydir', appendfilename: 'appendonly.aof' };
    await moveAside({ dir, appendonly: true, ...names }, 'direct-cut-off');
    const check = await house.command('check', 'main');
    assert.match(check.stdout + check.stderr, /Operation direct-cut-off was cut off .* ago, and has moved the data away/);
    const listed = await house.command('leftovers', 'main');
    assert.match(listed.stdout, /direct-cut-off .* .*cut off: the old data is here/);
    await house.startWorker();
    assert.match(house.log, /put the data of main back that direct-cut-off had moved away/);
    await house.redis.restart();
    assert.deepEqual(await old(), [KEYS + 1, 1]);
  });
});
