import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAIN } from '../../fixtures/shard.ts';
import { isAtLeast, redisBinaries } from '../../support/redis-binaries.ts';
import { until } from '../../support/until.ts';
import { found, Killed, type RecoverySite, recoverySite } from '../support/recovery-site.ts';

const AOF = { appendonly: 'yes', appendfsync: 'always' };
const KEYS = '200';

const DAMAGED = '*1\r\n$3\r\nSAT\r\n';

/** Spoils what this Redis loads when it starts. */
function damage({ redis: { dir, binary } }: RecoverySite, appendonly: boolean): void {
  const log = join(dir, 'appendonlydir');
  const increment = () => readdirSync(log).find((one) => one.endsWith('.incr.aof')) ?? '';
  if (!appendonly) writeFileSync(join(dir, 'dump.rdb'), 'REDIS0009 no RDB at all');
  else if (isAtLeast(binary, 7)) writeFileSync(join(log, increment()), DAMAGED);
  else writeFileSync(join(dir, 'appendonly.aof'), DAMAGED);
}

describe('Setting aside', function () {
  this.timeout(30_000);

  for (const { path: binary, label } of redisBinaries())
    for (const appendonly of [true, false])
      it(`lets ${label} with damaged data and appendonly ${appendonly ? 'yes' : 'no'} serve empty`, async () => {
        await using site = await recoverySite({ binary, config: appendonly ? AOF : {} });
        await site.ask('SET', 'a', '1');
        await site.redis.stop();
        damage(site, appendonly);
        await site.redis.restart('started');
        await site.redis.exited();
        const input = found(appendonly ? 'aof-damaged' : 'rdb-damaged');
        const begun = Date.now();
        const kept = await site.during((actions) => actions.setAside(input));
        await site.during((actions) => actions.startEmpty(input));
        const serves = await site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: begun }));
        assert.equal(serves.keys, 0);
        assert.deepEqual(serves.warnings, []);
        assert.equal(kept.directory, join(site.redis.dir, '.redis-backup', site.operationId, 'aside'));
        assert.deepEqual(readdirSync(kept.directory).sort(), kept.names.toSorted());
        assert.ok(kept.bytes > 10);
        assert.equal(await site.ask('SET', 'b', '2'), 'OK');
        assert.equal(site.locks(), 4);
      });

  it('does the same when its answer is lost, and never takes the files of the Redis that serves since', async () => {
    await using site = await recoverySite({ config: AOF });
    await site.redis.stop();
    damage(site, true);
    const input = found('aof-damaged');
    const first = await site.during((actions) => actions.setAside(input));
    assert.deepEqual(await site.during((actions) => actions.setAside(input)), first);
    await site.during((actions) => actions.startEmpty(input));
    await site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: 0 }));
    await site.ask('SET', 'new', '1');
    await assert.rejects(
      site.during((actions) => actions.setAside(input)),
      { code: 'RESTORE_REFUSED', message: /main answers by now/ },
    );
    await site.during((actions) => actions.startEmpty(input));
    assert.equal(await site.ask('GET', 'new'), '1');
  });

  for (const fate of ['before start', 'after start'] as const)
    it(`starts once, and empty, when the worker is killed ${fate}`, async () => {
      await using site = await recoverySite({ config: AOF });
      await site.redis.stop();
      const input = found('aof-damaged');
      await site.during((actions) => actions.setAside(input));
      site.fate = fate;
      const start = () => site.during((actions) => actions.startEmpty(input));
      await assert.rejects(start(), Killed);
      site.fate = undefined;
      await start();
      await site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: 0 }));
      assert.equal(site.redis.log().split('Server initialized').length, 3);
    });

  it('is not undone either after the restart of a Redis that ignores its dump.rdb', async () => {
    await using site = await recoverySite({ config: AOF });
    await site.redis.stop();
    rmSync(join(site.redis.dir, 'appendonlydir'), { recursive: true });
    writeFileSync(join(site.redis.dir, 'dump.rdb'), 'an old one');
    const input = found('dead', {
      actions: [
        { action: 'set-aside', text: '' },
        { action: 'restart', text: '' },
      ],
    });
    const { names, directory } = await site.during((actions) => actions.setAside(input));
    assert.deepEqual(names, ['dump.rdb']);
    await site.during((actions) => actions.restartServer(input));
    await site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: 0 }));
    await site.platform.stop();
    const { operationId } = site;
    const { left } = await site.during((actions) => actions.putBackAside({ ...MAIN, operationId }), 'the-lock');
    assert.equal(left?.directory, directory);
  });

  it('takes what was written without the files, too, when that is found damaged later', async () => {
    await using site = await recoverySite({ config: AOF });
    await site.redis.stop();
    damage(site, true);
    const serveEmpty = async () => {
      const input = found('aof-damaged');
      const kept = await site.during((actions) => actions.setAside(input));
      await site.during((actions) => actions.startEmpty(input));
      await site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: 0 }));
      return kept;
    };
    await serveEmpty();
    await site.ask('SET', 'since', '1');
    await site.platform.stop();
    damage(site, true);
    const { names, directory } = await serveEmpty();
    assert.deepEqual(names, ['appendonlydir', 'appendonlydir']);
    assert.equal(directory, join(site.redis.dir, '.redis-backup', site.operationId));
    assert.equal(await site.ask('DBSIZE'), 0);
  });

  it('is undone while no Redis was started without the files, and not afterwards', async () => {
    await using site = await recoverySite({ config: AOF });
    await site.ask('SET', 'a', '1');
    await site.redis.stop();
    const log = join(site.redis.dir, 'appendonlydir');
    const before = readdirSync(log);
    const input = found('aof-damaged');
    const undo = (operationId: string) => site.during((actions) => actions.putBackAside({ ...MAIN, operationId }), 'the-lock');
    assert.equal((await undo('never-begun')).changed, false);
    await site.during((actions) => actions.setAside(input));
    assert.deepEqual((await undo(site.operationId)).restored, ['appendonlydir']);
    assert.deepEqual(readdirSync(log), before);
    await assert.rejects(
      site.during((actions) => actions.startEmpty(input)),
      { code: 'RESTORE_REFUSED', message: /was put back/ },
    );
    const { directory } = await site.during((actions) => actions.setAside(input), 'second');
    await site.during((actions) => actions.startEmpty(input), 'second');
    await site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: 0 }));
    const { changed, left } = await undo('second');
    assert.deepEqual([changed, left?.directory], [false, directory]);
    assert.equal(await site.ask('DBSIZE'), 0);
  });

  it('does not start empty over files that nothing has set aside', async () => {
    await using site = await recoverySite({ config: AOF });
    await site.redis.stop();
    await assert.rejects(
      site.during((actions) => actions.startEmpty(found('aof-damaged'))),
      { code: 'DATA_DIRECTORY', message: /not set aside/ },
    );
  });
});

describe('A lost manifest', function () {
  this.timeout(30_000);

  for (const { path: binary, label } of redisBinaries().filter((one) => isAtLeast(one, 7)))
    it(`of ${label} is made again from the files, and every key is back`, async () => {
      await using site = await recoverySite({ binary, config: AOF });
      await site.ask('DEBUG', 'POPULATE', KEYS);
      await site.ask('BGREWRITEAOF');
      await until(async () => String(await site.ask('INFO', 'persistence')).includes('aof_base_size:'), { what: 'base' });
      const log = join(site.redis.dir, 'appendonlydir');
      await until(() => readdirSync(log).some((name) => name.includes('.2.base')), { what: 'the second base' });
      await site.ask('INCR', 'counter');
      const digest = await site.ask('DEBUG', 'DIGEST');
      await site.redis.kill('SIGKILL');
      rmSync(join(log, 'appendonly.aof.manifest'));
      await site.redis.restart();
      assert.equal(await site.redis.dbsize(), 0);
      await site.ask('SET', 'since', '1');

      const input = found('aof-manifest-lost', {
        actions: [
          { action: 'rebuild-manifest', text: '' },
          { action: 'restart', text: '' },
        ],
      });
      const kept = await site.during((actions) => actions.setAside(input));
      assert.equal(site.redis.isRunning(), true);
      const { files } = await site.during((actions) => actions.rebuildManifest(input));
      assert.deepEqual(files, ['appendonly.aof.2.base.rdb', 'appendonly.aof.2.incr.aof']);
      assert.deepEqual(await site.during((actions) => actions.rebuildManifest(input)), { files });
      await site.during((actions) => actions.restartServer(input));
      const serves = await site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: Date.now() }));
      assert.equal(serves.keys, Number(KEYS) + 1);
      assert.equal(await site.ask('DEBUG', 'DIGEST'), digest);
      const copies = readdirSync(join(kept.directory, 'appendonlydir'));
      assert.ok(copies.includes('appendonly.aof.2.incr.aof') && copies.includes('appendonly.aof.1.incr.aof'), copies.join());
      const orphan = readFileSync(join(log, 'appendonly.aof.1.incr.aof'), 'utf8');
      assert.match(orphan, /since/); // what the empty Redis was told is kept
    });

  it('is refused where the names can be read in two ways', async () => {
    await using site = await recoverySite({ config: AOF });
    await site.redis.stop();
    const log = join(site.redis.dir, 'appendonlydir');
    rmSync(join(log, 'appendonly.aof.manifest'));
    renameSync(join(log, 'appendonly.aof.1.base.rdb'), join(log, 'gone'));
    await assert.rejects(
      site.during((actions) => actions.rebuildManifest(found('aof-manifest-lost'))),
      { code: 'MANIFEST_INVALID', message: /none of its files is a base/ },
    );
  });
});
