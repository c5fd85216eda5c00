import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { House } from '../support/house.ts';
import { skipWithout } from '../support/skip-without.ts';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0 && process.platform === 'linux';

/** Needs root: only root can be another user. */
describe('A worker that is moved from root to the user of Redis', function () {
  this.timeout(180_000);
  let house: House;
  before(async function () {
    if (!isRoot) skipWithout('root', this);
    house = await House.open({ redis: { config: { appendonly: 'yes' } } });
    await house.ask('SET', 'session:1', 'here');
    await house.backup();
    await house.redis.stop();
    for (const path of [house.dir, dirname(house.redis.dir)]) {
      execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, path]);
      chmodSync(path, 0o755);
    }
  });
  after(() => house?.close());

  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await house.command(...args);
    return { code, said: stdout + stderr };
  };
  const restored = async () => {
    const { code, said } = await run('restore', 'main', '--yes', '--skip-safety-snapshot');
    assert.equal(code, 0, said);
    assert.equal(await house.ask('GET', 'session:1'), 'here');
    const pid = /process_id:(\d+)/.exec(String(await house.ask('INFO', 'server')))?.[1];
    assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), new RegExp(`^Uid:\\s+${NOBODY}\\s`, 'm'));
    return said;
  };
  const asNobody = async () => {
    await house.killWorker();
    execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, join(house.dir, 'backups')]); // as a person does, who moves a worker
    await house.startWorker(undefined, { HOME: house.dir }, { uid: NOBODY, gid: NOBODY });
  };

  it('has been root, and started Redis as the owner of its data, as the plan and check said', async () => {
    assert.match((await run('restore', 'main', '--plan')).said, /start Redis as user nobody, to whom the data belongs,/);
    await restored();
    const { said } = await run('check', 'main');
    assert.match(said, /rights: the worker on here, user root, may read and change the data directory/);
    assert.match(said, /start user: a start runs Redis as user nobody, to whom the data belongs/);
  });

  it('restores with what root has left there, and says what it may', async () => {
    await asNobody();
    await restored();
    assert.match((await run('check', 'main')).said, /the worker on here, user nobody, may read and change the data directory/);
  });

  it('is what check asks, and not itself, run by root: what root has kept for itself is named', async () => {
    const kept = join(house.redis.dir, '.redis-backup', 'of-root');
    mkdirSync(kept, { mode: 0o700 });
    const { code, said } = await run('check', 'main');
    assert.notEqual(code, 0);
    assert.ok(said.includes(`the worker on here, user nobody, may not use ${kept} (EACCES)`), said);
    assert.match(said, /chown -R nobody/);
  });

  it('would refuse to end the Redis of another user, which check says before, run by whoever may', async () => {
    await house.ask('SHUTDOWN').catch(() => undefined); // it answers by ending
    rmSync(join(house.redis.dir, '.redis-backup', 'of-root'), { recursive: true });
    await house.redis.restart(); // by root
    const { code, said } = await run('check', 'main');
    assert.notEqual(code, 0);
    assert.match(
      said,
      /refusals: restores would be refused: process \d+ of main runs as another user, and this worker may not end it/,
    );
  });
});
