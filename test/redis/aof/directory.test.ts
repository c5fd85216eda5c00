import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeMultiPart, writeMultiPartFromRdb } from '../../../redis/aof/directory.ts';
import { parseAofManifest } from '../../../redis/aof/manifest.ts';
import { isAtLeast, redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';

const KEYS = 2000;

describe('an append-only directory made from an RDB', () => {
  for (const binary of redisBinaries().filter((found) => isAtLeast(found, 7))) {
    it(`gives ${binary.label} with appendonly yes every key, and it goes on from there`, async () => {
      await using source = await startRedis({ binary: binary.path });
      await source.command('DEBUG', 'POPULATE', `${KEYS}`);
      await source.command('SAVE');
      // Names that need quotes in the manifest.
      const names = { appenddirname: 'append only', appendfilename: "it's the log.aof" };
      const config = { appendonly: 'yes', appenddirname: '"append only"', appendfilename: `"it's the log.aof"` };
      await using target = await startRedis({ binary: binary.path, config });
      await target.kill('SIGKILL');
      await rm(join(target.dir, names.appenddirname), { recursive: true });
      const rdbPath = join(target.dir, 'staged.rdb');
      await copyFile(join(source.dir, 'dump.rdb'), rdbPath);

      const files = await writeMultiPartFromRdb(target.dir, { ...names, rdbPath });

      assert.equal(existsSync(rdbPath), false, 'the RDB was moved and not copied');
      const directory = join(target.dir, names.appenddirname);
      assert.deepEqual(parseAofManifest(readFileSync(join(directory, `${names.appendfilename}.manifest`), 'utf8')), files);
      await target.restart();
      assert.equal(await target.dbsize(), KEYS);
      await target.command('SET', 'written after the restore', '1');
      await target.kill('SIGKILL');
      await target.restart();
      assert.equal(await target.dbsize(), KEYS + 1);
      await target.command('BGREWRITEAOF');
    });
  }

  describe('where it cannot be made', () => {
    let dir: string;
    const names = { appenddirname: 'appendonlydir', appendfilename: 'appendonly.aof' };
    beforeEach(async () => {
      dir = await mkdtemp(join(tmpdir(), 'redis-backup-aof-'));
      writeFileSync(join(dir, 'a.rdb'), 'REDIS0010');
    });
    afterEach(() => rm(dir, { recursive: true }));

    it('refuses to write over one that is there', async () => {
      const rdbPath = join(dir, 'a.rdb');
      await writeMultiPartFromRdb(dir, { ...names, rdbPath });
      writeFileSync(rdbPath, 'REDIS0010');
      await assert.rejects(writeMultiPartFromRdb(dir, { ...names, rdbPath }), {
        code: 'RESTORE_REFUSED',
        message: /is there already/,
      });
      assert.equal(existsSync(rdbPath), true);
    });

    it('goes on where a killed one stopped before its manifest', async () => {
      const rdbPath = join(dir, 'a.rdb');
      await writeMultiPartFromRdb(dir, { ...names, rdbPath });
      await rm(join(dir, 'appendonlydir', 'appendonly.aof.manifest'));
      writeFileSync(rdbPath, 'REDIS0010 again');
      await writeMultiPartFromRdb(dir, { ...names, rdbPath });
      assert.equal(readFileSync(join(dir, 'appendonlydir', 'appendonly.aof.1.base.rdb'), 'utf8'), 'REDIS0010 again');
      assert.equal((await readdir(join(dir, 'appendonlydir'))).length, 3);
    });

    it('takes a log as the first increment, by moving it', async () => {
      const [base, incr] = [join(dir, 'a.rdb'), join(dir, 'log')];
      writeFileSync(incr, '*1\r\n$4\r\nPING\r\n');
      const files = await writeMultiPart(dir, { ...names, base: { path: base }, incr: { path: incr } });
      assert.deepEqual(
        files.map(({ type }) => type),
        ['base', 'incr'],
      );
      assert.equal(readFileSync(join(dir, 'appendonlydir', 'appendonly.aof.1.incr.aof'), 'utf8'), '*1\r\n$4\r\nPING\r\n');
      assert.equal(existsSync(incr), false);
    });

    it('moves nothing when one of the two is not there', async () => {
      const [base, incr] = [join(dir, 'a.rdb'), join(dir, 'none')];
      await assert.rejects(writeMultiPart(dir, { ...names, base: { path: base }, incr: { path: incr } }), {
        code: 'RESTORE_REFUSED',
      });
      assert.equal(existsSync(base), true);
      await assert.rejects(writeMultiPart(dir, { ...names, base: { path: incr }, incr: { path: base } }), {
        code: 'RESTORE_REFUSED',
      });
      assert.equal(existsSync(base), true);
    });

    it('refuses names that lead out of the directory', async () => {
      const rdbPath = join(dir, 'a.rdb');
      await assert.rejects(writeMultiPartFromRdb(dir, { ...names, appenddirname: '../x', rdbPath }), { code: 'RESTORE_REFUSED' });
      await assert.rejects(writeMultiPartFromRdb(dir, { ...names, appendfilename: '', rdbPath }), { code: 'RESTORE_REFUSED' });
    });

    it('says so when there is no RDB', async () => {
      const rdbPath = join(dir, 'none.rdb');
      await assert.rejects(writeMultiPartFromRdb(dir, { ...names, rdbPath }), { code: 'RESTORE_REFUSED', message: /ENOENT/ });
    });
  });
});
