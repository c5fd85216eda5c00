import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, chown, lstat, mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { realFileSystem } from '../../platforms/data-directory/files.ts';
import { withDirectoryLock } from '../../platforms/data-directory/lock.ts';
import { finish, moveAside, putBack, replaceWithRdb, spaceReport, stagedRdb, stageRdb } from '../../platforms/data-directory.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import { skipWithout } from '../support/skip-without.ts';
import { builderOn, chunksOf, contents, FOUND, freshDirectory, RDB, redisWrites } from './support/data-directories.ts';

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

const buildAppendDirectory = builderOn(realFileSystem);

describe('the data directory', () => {
  const made: string[] = [];
  const make = async (found: keyof typeof FOUND, appendonly = false) => {
    const layout = await freshDirectory(FOUND[found] ?? {}, appendonly);
    made.push(layout.dir);
    return layout;
  };
  afterEach(async () => {
    for (const dir of made.splice(0)) await rm(dir, { recursive: true, force: true });
  });
  const restore = async (layout: DataLayout, id: string) => {
    await stageRdb(layout, id, chunksOf(RDB));
    await moveAside(layout, id);
    return replaceWithRdb(layout, id, { buildAppendDirectory });
  };

  it('says what was moved aside and what is kept', async () => {
    const layout = await make('a multi-part log', true);
    const staged = await stageRdb(layout, 'op', chunksOf(RDB));
    assert.deepEqual(await stagedRdb(layout, 'op'), staged);
    assert.equal(staged.bytes, RDB.length);
    const aside = join(layout.dir, '.redis-backup', 'op', 'aside');
    assert.deepEqual(await moveAside(layout, 'op'), { names: ['dump.rdb', 'appendonlydir'], bytes: 37, directory: aside });
    assert.deepEqual(await replaceWithRdb(layout, 'op', { buildAppendDirectory }), { path: join(layout.dir, 'appendonlydir') });
    const finished = await finish(layout, 'op');
    assert.deepEqual(finished, { kept: { directory: aside, bytes: 37 }, removed: [], freedBytes: 0, unfinished: [] });
    assert.deepEqual(await readdir(join(layout.dir, '.redis-backup', 'op', 'aside')), ['appendonlydir', 'dump.rdb']);
  });

  it('writes the log of Redis 6 as one file', async () => {
    const layout = await make('a log of Redis 6', true);
    await stageRdb(layout, 'op', chunksOf(RDB));
    await moveAside(layout, 'op');
    await replaceWithRdb(layout, 'op', { buildAppendDirectory, appendForm: 'single-file' });
    assert.deepEqual(await contents(layout.dir), { 'appendonly.aof': RDB.toString(), 'unrelated.txt': 'not ours' });
  });

  it('keeps what the restored Redis had written when everything is put back', async () => {
    const layout = await make('an RDB');
    await restore(layout, 'op');
    await redisWrites(layout, 'since');
    const rejected = join(layout.dir, '.redis-backup', 'op', 'rejected');
    assert.deepEqual(await putBack(layout, 'op'), {
      changed: true,
      restored: ['dump.rdb'],
      rejected: { directory: rejected, bytes: 9 },
    });
    assert.deepEqual(await contents(rejected), { 'dump.rdb': 'rdb since' });
    await redisWrites(layout, 'after that'); // Redis runs again: a second putBack must not touch its data
    assert.equal((await putBack(layout, 'op')).changed, false);
    assert.equal((await contents(layout.dir))['dump.rdb'], 'rdb after that');
  });

  it('can be put back after finish, too', async () => {
    const layout = await make('an RDB');
    await restore(layout, 'op');
    await finish(layout, 'op');
    await putBack(layout, 'op');
    assert.equal((await contents(layout.dir))['dump.rdb'], 'old rdb');
  });

  it('lets no step go on once it was put back, even before it began', async () => {
    const layout = await make('an RDB');
    assert.deepEqual(await putBack(layout, 'op'), { changed: false, restored: [] });
    const refused = { code: 'RESTORE_REFUSED', message: 'operation op was put back and cannot go on' };
    await assert.rejects(stageRdb(layout, 'op', chunksOf(RDB)), refused);
    await assert.rejects(moveAside(layout, 'op'), refused);
    await assert.rejects(replaceWithRdb(layout, 'op', { buildAppendDirectory }), refused);
    await assert.rejects(finish(layout, 'op'), refused);
    assert.equal((await contents(layout.dir))['dump.rdb'], 'old rdb');
  });

  it('lets no step run before the one that it needs', async () => {
    const layout = await make('an RDB');
    await assert.rejects(replaceWithRdb(layout, 'op', { buildAppendDirectory }), /the old data was not moved aside/);
    await moveAside(layout, 'op');
    await assert.rejects(replaceWithRdb(layout, 'op', { buildAppendDirectory }), /no RDB is staged/);
    await assert.rejects(finish(layout, 'op'), /operation op has not replaced the data/);
  });

  it('leaves nothing when the source fails, hangs and is cancelled, or ends too early', async () => {
    const layout = await make('an RDB');
    const cut = async function* () {
      yield RDB.subarray(0, 9);
      throw new Error('connection lost');
    };
    await assert.rejects(stageRdb(layout, 'op', cut()), /connection lost/);
    const hanging = async function* () {
      yield RDB;
      await new Promise(() => {});
    };
    await assert.rejects(stageRdb(layout, 'op', hanging(), { signal: AbortSignal.timeout(30) }), { name: 'TimeoutError' });
    assert.deepEqual(await readdir(join(layout.dir, '.redis-backup', 'op', 'staged')), []);
    assert.equal(await stagedRdb(layout, 'op'), undefined);
  });

  it('keeps no chunk that is written, though it can be cancelled at any time', async () => {
    const layout = await make('an RDB');
    const chunks: WeakRef<Buffer>[] = [];
    let kept = Number.NaN;
    const source = async function* () {
      for (let at = 0; at < 30; at++) {
        const chunk = Buffer.alloc(100_000);
        chunks.push(new WeakRef(chunk));
        yield chunk;
        await setImmediate(); // what is weak is strong until the turn ends
      }
      collectGarbage();
      kept = chunks.filter((chunk) => chunk.deref() !== undefined).length;
    };
    await stageRdb(layout, 'op', source(), { signal: new AbortController().signal });
    assert.ok(kept < 5, `${kept} of ${chunks.length} chunks are still there`);
  });

  it('never removes by itself the only copy of what stood there before', async () => {
    const layout = await make('an RDB');
    await restore(layout, 'first');
    await finish(layout, 'first', { onlyCopy: true });
    for (const id of ['second', 'third']) {
      await restore(layout, id);
      await finish(layout, id);
    }
    assert.deepEqual((await readdir(join(layout.dir, '.redis-backup'))).sort(), ['first', 'lock', 'third']);
    assert.equal(await readFile(join(layout.dir, '.redis-backup/first/aside/dump.rdb'), 'utf8'), 'old rdb');
  });

  it('removes old data of older operations, and never that of an unfinished one', async () => {
    const layout = await make('an RDB');
    await restore(layout, 'first');
    await finish(layout, 'first');
    await restore(layout, 'stuck');
    await stageRdb(layout, 'dead', chunksOf(RDB));
    await stageRdb(layout, 'young', chunksOf(RDB));
    await utimes(join(layout.dir, '.redis-backup', 'dead'), 1, 1);
    await restore(layout, 'second');
    const finished = await finish(layout, 'second');
    assert.deepEqual(finished.removed, ['dead', 'first']);
    assert.deepEqual(finished.unfinished, ['stuck']);
    assert.ok(finished.freedBytes >= RDB.length + 'old rdb'.length);
    assert.deepEqual((await readdir(join(layout.dir, '.redis-backup'))).sort(), ['lock', 'second', 'stuck', 'young']);
    assert.deepEqual((await finish(layout, 'second')).removed, []);
  });

  it('gives the files to the owner of the old ones, with their mode', async function () {
    if (process.getuid?.() !== 0) return skipWithout('root', this); // only root can give files away; see the next test for others
    const layout = await make('a multi-part log', true);
    await chown(join(layout.dir, 'dump.rdb'), 4711, 4712);
    await chmod(join(layout.dir, 'dump.rdb'), 0o640);
    await restore(layout, 'op');
    for (const [name, mode] of [
      ['appendonlydir', 0o750],
      ['appendonlydir/appendonly.aof.1.base.rdb', 0o640],
    ] as const) {
      const stats = await stat(join(layout.dir, name));
      assert.deepEqual([stats.uid, stats.gid, stats.mode & 0o777], [4711, 4712, mode], name);
    }
  });

  it('keeps session tokens from others when there was no file before', async () => {
    const layout = await make('nothing');
    await chmod(layout.dir, 0o755);
    await restore(layout, 'op');
    assert.equal((await stat(join(layout.dir, 'dump.rdb'))).mode & 0o777, 0o600);
    assert.equal((await stat(join(layout.dir, '.redis-backup'))).mode & 0o777, 0o700);
  });

  it('may be a symbolic link itself, and so may dump.rdb', async () => {
    const layout = await make('an RDB');
    await rename(join(layout.dir, 'dump.rdb'), join(layout.dir, 'elsewhere.rdb'));
    await symlink('elsewhere.rdb', join(layout.dir, 'dump.rdb'));
    const link = `${layout.dir}-link`;
    await symlink(layout.dir, link);
    made.push(link);
    await restore({ ...layout, dir: link }, 'op');
    assert.equal((await lstat(join(layout.dir, 'dump.rdb'))).isFile(), true);
    await putBack({ ...layout, dir: link }, 'op');
    assert.equal((await contents(layout.dir))['dump.rdb'], 'old rdb');
    assert.equal((await lstat(join(layout.dir, 'dump.rdb'))).isSymbolicLink(), true);
  });

  it('is refused by name when its log is a symbolic link, and left as it is', async () => {
    const layout = await make('nothing', true);
    await mkdir(join(layout.dir, 'big-disk'));
    await symlink('big-disk', join(layout.dir, 'appendonlydir'));
    await stageRdb(layout, 'op', chunksOf(RDB));
    await assert.rejects(moveAside(layout, 'op'), {
      code: 'RESTORE_REFUSED',
      message: /appendonlydir is a symbolic link: the new log would/,
    });
    const report = await spaceReport(layout);
    assert.equal(report.sameFileSystem, false);
    assert.match(report.obstacles[0] ?? '', /symbolic link/);
    assert.equal((await putBack(layout, 'op')).changed, false);
    assert.equal((await lstat(join(layout.dir, 'appendonlydir'))).isSymbolicLink(), true);
  });

  it('is refused by name when its log is a mount point', async function () {
    if (process.getuid?.() !== 0 || process.platform !== 'linux') return skipWithout('mount', this);
    const layout = await make('a multi-part log', true);
    const log = join(layout.dir, 'appendonlydir');
    execFileSync('mount', ['--bind', log, log]); // same device number, and still not to be renamed
    try {
      await stageRdb(layout, 'op', chunksOf(RDB));
      await assert.rejects(moveAside(layout, 'op'), { code: 'RESTORE_REFUSED', message: /appendonlydir is a mount point/ });
    } finally {
      execFileSync('umount', [log]);
    }
  });

  it('does not exist: said so, and not created', async () => {
    const layout = await make('nothing');
    await rm(layout.dir, { recursive: true });
    await assert.rejects(stageRdb(layout, 'op', chunksOf(RDB)), {
      code: 'RESTORE_REFUSED',
      message: /data directory .* does not exist/,
    });
    await assert.rejects(stat(layout.dir), { code: 'ENOENT' });
  });

  it('trusts no name from outside', async () => {
    const layout = await make('an RDB');
    await assert.rejects(moveAside({ ...layout, dbfilename: '../dump.rdb' }, 'op'), { code: 'CONFIG_INVALID' });
    await assert.rejects(moveAside(layout, '../op'), { code: 'INPUT_INVALID' });
    await mkdir(join(layout.dir, '.redis-backup', 'op'), { recursive: true });
    const journal = {
      formatVersion: 1,
      operationId: 'op',
      phase: 'aside',
      updatedAtMs: 0,
      originals: [{ name: '../x', kind: 'absent', bytes: 0 }],
    };
    await writeFile(join(layout.dir, '.redis-backup', 'op', 'operation.json'), JSON.stringify(journal));
    await assert.rejects(putBack(layout, 'op'), { code: 'DATA_DIRECTORY', message: /operation\.json is damaged/ });
  });

  it('says when an original is gone, after it has put back the others', async () => {
    const layout = await make('a multi-part log', true);
    await restore(layout, 'op');
    await rm(join(layout.dir, '.redis-backup', 'op', 'aside', 'dump.rdb'));
    await assert.rejects(putBack(layout, 'op'), { code: 'DATA_DIRECTORY', message: /dump\.rdb was there and is gone/ });
    assert.equal((await contents(layout.dir))['appendonlydir/appendonly.aof.manifest'], 'old manifest');
  });

  it('is changed by one at a time', async () => {
    const layout = await make('an RDB');
    await stageRdb(layout, 'op', chunksOf(RDB));
    const root = join(layout.dir, '.redis-backup');
    const { promise, resolve } = Promise.withResolvers<void>();
    const holder = withDirectoryLock(root, () => promise);
    await assert.rejects(
      withDirectoryLock(root, async () => {}, 60),
      { code: 'DATA_DIRECTORY_BUSY' },
    );
    const moved = moveAside(layout, 'op');
    resolve();
    await holder;
    assert.deepEqual((await moved).names, ['dump.rdb']);
  });

  it('is measured without being changed', async () => {
    const layout = await make('a multi-part log', true);
    const report = await spaceReport(layout);
    assert.equal(report.dataBytes, 37);
    assert.equal(report.keptBytes, 0);
    assert.ok(report.freeBytes > 0 && report.freeBytes <= report.totalBytes);
    assert.deepEqual(report.obstacles, []);
    assert.deepEqual(await readdir(layout.dir), ['appendonlydir', 'dump.rdb', 'unrelated.txt']);
  });
});
