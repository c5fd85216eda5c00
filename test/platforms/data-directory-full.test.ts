import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realFileSystem } from '../../platforms/data-directory/files.ts';
import {
  copyAside,
  discardStaged,
  moveAside,
  permitEmptyStart,
  putBack,
  putBackSetAside,
  replaceWithRdb,
  setAside,
  stageRdb,
  writeRestart,
} from '../../platforms/data-directory.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import { skipWithout } from '../support/skip-without.ts';
import { builderOn, chunksOf, contents, RDB } from './support/data-directories.ts';

const MB = 1024 * 1024;
const mayMount = process.platform === 'linux' && process.getuid?.() === 0;
const OLD = { 'dump.rdb': 'old rdb', 'appendonlydir/old.manifest': 'old manifest' };

async function* megabytes(count: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < count; at++) yield Buffer.alloc(MB, at);
}

describe('a full disk under the data directory', () => {
  it('is TARGET_DISK_FULL while the RDB is staged: nothing is left and nothing has changed', async function () {
    if (!mayMount) return skipWithout('mount', this); // the test of the limit below needs no root
    await onSmallDisk(async (layout) => {
      await assert.rejects(stageRdb(layout, 'op', megabytes(20)), {
        code: 'TARGET_DISK_FULL',
        message: /^no space left in .* \(ENOSPC\)$/,
      });
      assert.deepEqual(await readdir(join(layout.dir, '.redis-backup', 'op', 'staged')), []);
      assert.deepEqual(await contents(layout.dir), OLD);
      assert.equal((await stageRdb(layout, 'op', megabytes(2))).bytes, 2 * MB); // the room is free again
    });
  });

  it('does not keep anybody from discarding what was downloaded', async function () {
    if (!mayMount) return skipWithout('mount', this);
    await onSmallDisk(async (layout) => {
      await fill(layout.dir);
      await discardStaged(layout, 'op');
      await rm(join(layout.dir, 'filler'));
      assert.deepEqual(await contents(layout.dir), OLD);
    });
  });

  it('is TARGET_DISK_FULL before anything is moved aside', async function () {
    if (!mayMount) return skipWithout('mount', this);
    await onSmallDisk(async (layout) => {
      await stageRdb(layout, 'op', chunksOf(RDB));
      await fill(layout.dir);
      await assert.rejects(moveAside(layout, 'op'), { code: 'TARGET_DISK_FULL' });
      assert.deepEqual(await putBack(layout, 'op'), { changed: false, restored: [] });
      await rm(join(layout.dir, 'filler'));
      assert.deepEqual(await contents(layout.dir), OLD);
    });
  });

  it('does not keep the old data from being put back', async function () {
    if (!mayMount) return skipWithout('mount', this);
    await onSmallDisk(async (layout) => {
      await stageRdb(layout, 'op', chunksOf(RDB));
      await moveAside(layout, 'op');
      await replaceWithRdb(layout, 'op', { buildAppendDirectory: builderOn(realFileSystem) });
      await fill(layout.dir);
      assert.equal((await putBack(layout, 'op')).changed, true);
      await rm(join(layout.dir, 'filler'));
      assert.deepEqual(await contents(layout.dir), OLD);
    });
  });

  it('is said before anything is set aside, and what was set aside is found on it', async function () {
    if (!mayMount) return skipWithout('mount', this);
    await onSmallDisk(async (layout) => {
      const take = () => setAside(layout, 'op', { foundAtMs: Date.now() });
      await fill(layout.dir);
      await assert.rejects(take(), { code: 'TARGET_DISK_FULL' });
      await rm(join(layout.dir, 'filler'));
      assert.deepEqual(await contents(layout.dir), OLD);
      await take();
      await fill(layout.dir);
      await permitEmptyStart(layout, 'op', { running: true });
      assert.equal((await putBackSetAside(layout, 'op', { running: false })).changed, false);
      await fill(layout.dir);
      assert.equal(await writeRestart(layout, { instance: 'a', shard: '0', operationId: 'op', assessedAt: '', atMs: 1 }), false);
    });
  });

  it('keeps links of what would not fit twice, and takes no data from Redis', async function () {
    if (!mayMount) return skipWithout('mount', this);
    await onSmallDisk(async (layout) => {
      const increment = join(layout.dir, 'appendonlydir', 'appendonly.aof.1.incr.aof');
      await writeFile(increment, Buffer.alloc(5 * MB, 1));
      const { linked, bytes } = await copyAside(layout, 'op');
      assert.deepEqual(linked, [increment]);
      assert.ok(bytes > 5 * MB);
    });
  });

  it('is the same for a limit on the size of files, which needs no root to test', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'redis-backup-limit-'));
    const module = JSON.stringify(join(import.meta.dirname, '../../platforms/data-directory.ts'));
    const script = `
      const { stageRdb } = await import(${module});
      const layout = { dir: ${JSON.stringify(dir)}, dbfilename: 'a', appendonly: false, appenddirname: 'b', appendfilename: 'c' };
      const source = (async function* () { for (let at = 0; at < 9; at++) yield Buffer.alloc(1 << 20); })();
      await stageRdb(layout, 'op', source).catch((error) => console.log(error.code, error.message));`;
    try {
      const shell = ['-c', 'ulimit -f 4096; exec "$0" --input-type=module -e "$1"', process.execPath, script]; // × 1024 bytes
      const { stdout, stderr } = spawnSync('bash', shell, { encoding: 'utf8' });
      assert.match(stdout, /^TARGET_DISK_FULL no space left in .* \(EFBIG\)$/m, stderr);
      assert.deepEqual(await readdir(join(dir, '.redis-backup', 'op', 'staged')), []);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

/** A disk of 8 MB, in memory. */
async function onSmallDisk(body: (layout: DataLayout) => Promise<void>): Promise<void> {
  const disk = await mkdtemp(join(tmpdir(), 'redis-backup-disk-'));
  const layout = {
    dir: disk,
    dbfilename: 'dump.rdb',
    appendonly: true,
    appenddirname: 'appendonlydir',
    appendfilename: 'appendonly.aof',
  };
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'redis-backup-test', disk]);
  try {
    await writeFile(join(disk, 'dump.rdb'), OLD['dump.rdb']);
    await realFileSystem.mkdir(join(disk, 'appendonlydir'));
    await writeFile(join(disk, 'appendonlydir', 'old.manifest'), OLD['appendonlydir/old.manifest']);
    await body(layout);
  } finally {
    execFileSync('umount', [disk]);
    await rm(disk, { recursive: true });
  }
}

async function fill(dir: string): Promise<void> {
  const handle = await realFileSystem.open(join(dir, 'filler'), 'a');
  try {
    for (const size of [MB, 4096, 1]) {
      try {
        for (;;) await handle.writeFile(Buffer.alloc(size, 1));
      } catch {
        // full at this size; the next smaller one may still fit
      }
    }
  } finally {
    await handle.close();
  }
}
