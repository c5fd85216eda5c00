import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findThrowawayByPort, removeThrowaways } from '../../../platforms/throwaway/leftovers.ts';
import { serverVersion } from '../../../platforms/throwaway/server-version.ts';
import { startThrowaway, type Throwaway } from '../../../platforms/throwaway/throwaway.ts';
import { openRedis } from '../../../redis/client/client.ts';
import { ownDirectory } from '../../support/processes.ts';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';

describe('throw-away Redis servers of a place', () => {
  let root: string;
  let home: string;
  let log: string;
  const [system = { path: '', version: '' }] = redisBinaries();
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'redis-backup-places-'));
    ownDirectory(root);
    log = join(root, 'log');
    await using redis = await startRedis({ config: { appendonly: 'yes' } });
    await redis.command('SET', 'a', '1');
    await redis.stop();
    cpSync(redis.dir, log, { recursive: true });
  });
  after(() => rm(root, { recursive: true }));
  beforeEach(() => {
    home = join(root, 'home');
    mkdirSync(home);
  });
  afterEach(() => removeThrowaways(home));

  const start = (name: string): Promise<Throwaway> => {
    const directory = join(home, name);
    cpSync(log, directory, { recursive: true });
    return startThrowaway({ binary: system.path, directory, openClient: (connection) => openRedis(connection) });
  };

  it('are found by their port, and no other Redis is', async () => {
    const throwaway = await start('one');
    assert.equal((await findThrowawayByPort(throwaway.port))?.pid, throwaway.pid);
    await using redis = await startRedis();
    assert.equal(await findThrowawayByPort(redis.port), undefined);
  });

  it('are all ended and removed, also one whose starter died before it wrote down what it had started', async () => {
    const [one, two] = [await start('one'), await start('two')];
    rmSync(join(two.directory, 'throwaway.json'));
    await removeThrowaways(home);
    assert.deepEqual([await one.isRunning(), await two.isRunning(), existsSync(home)], [false, false, false]);
    await removeThrowaways(home); // again
  });

  it('leave alone what runs beside their place', async () => {
    const other = await start('one');
    await removeThrowaways(`${other.directory}-not`);
    assert.equal(await other.isRunning(), true);
  });
});

describe('the version of a server binary', () => {
  for (const { path, product, version, label } of redisBinaries()) {
    it(`is asked of ${label}`, async () => assert.deepEqual(await serverVersion(path), { product, version }));
  }

  it('is refused of what is no server', async () => {
    for (const binary of ['/bin/true', '/nowhere/redis-server'])
      await assert.rejects(serverVersion(binary), { code: 'CONFIG_INVALID' });
  });
});
