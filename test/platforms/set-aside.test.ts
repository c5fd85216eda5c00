import assert from 'node:assert/strict';
import { appendFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileSystem, realFileSystem } from '../../platforms/data-directory/files.ts';
import {
  copyAside,
  finish,
  moveAside,
  permitEmptyStart,
  putBack,
  putBackSetAside,
  readRestart,
  replaceWithRdb,
  setAside,
  stageRdb,
  writeRestart,
} from '../../platforms/data-directory.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import { builderOn, chunksOf, contents, FOUND, freshDirectory, RDB, redisWrites } from './support/data-directories.ts';
import { atEveryPoint } from './support/every-point.ts';

const ID = 'recovery-1';
const NOBODY = { 'unrelated.txt': 'not ours' };
const setAsideOn = (layout: DataLayout, files: FileSystem = realFileSystem, foundAtMs = Date.now()) =>
  setAside(layout, ID, { files, foundAtMs });
const undo = (layout: DataLayout, running = false) => putBackSetAside(layout, ID, { running });
const permit = (layout: DataLayout, running = false) => permitEmptyStart(layout, ID, { running });
const asideOf = ({ dir }: DataLayout, id = ID): string => join(dir, '.redis-backup', id, 'aside');

async function verifiedRestore(layout: DataLayout, id: string): Promise<Awaited<ReturnType<typeof finish>>> {
  await stageRdb(layout, id, chunksOf(RDB));
  await moveAside(layout, id);
  await replaceWithRdb(layout, id, { buildAppendDirectory: builderOn(realFileSystem) });
  return finish(layout, id, { leftoversOlderThanMs: 0 });
}

for (const [name, found] of Object.entries(FOUND)) {
  describe(`a data directory with ${name} that a recovery sets aside`, () => {
    const make = () => freshDirectory(found, true);
    const asItWas = { ...found, ...NOBODY };

    it('comes to the same end wherever the worker was killed', async () => {
      await atEveryPoint(make, setAsideOn, async (layout, point) => {
        await setAsideOn(layout);
        assert.deepEqual(await contents(layout.dir), NOBODY, point);
        assert.deepEqual(await contents(asideOf(layout)), found, point);
      });
    });

    it('is as it was after the undo, wherever the worker was killed, and the dead worker cannot take it again', async () => {
      await atEveryPoint(make, setAsideOn, async (layout, point) => {
        await undo(layout);
        assert.deepEqual(await contents(layout.dir), asItWas, point);
        await assert.rejects(setAsideOn(layout), { code: 'RESTORE_REFUSED' });
        assert.deepEqual(await contents(layout.dir), asItWas, point);
      });
    });

    it('stays without its old data once a Redis was started, wherever that was killed', async () => {
      const makeAside = async () => {
        const layout = await make();
        await setAsideOn(layout);
        return layout;
      };
      await atEveryPoint(
        makeAside,
        (layout, files) => permitEmptyStart(layout, ID, { files, running: false }),
        async (layout, point) => {
          await permit(layout);
          await redisWrites(layout, 'since');
          const since = await contents(layout.dir);
          const { changed, left } = await undo(layout);
          assert.deepEqual([changed, left?.directory], [false, asideOf(layout)], point);
          await setAsideOn(layout, realFileSystem, 0); // an attempt from before that start, which was taken for dead
          assert.deepEqual(await contents(layout.dir), since, point);
        },
      );
    });
  });
}

describe('what a recovery has set aside', () => {
  const make = () => freshDirectory(FOUND['a multi-part log'] ?? {}, true);

  it('outlives verified restores but for all older than the newest two', async () => {
    const layout = await make();
    for (const id of ['first', 'second', 'third']) {
      await setAside(layout, id, { foundAtMs: Date.now() });
      await redisWrites(layout, id);
    }
    const { removed, unfinished } = await verifiedRestore(layout, 'restore-1');
    assert.deepEqual([removed, unfinished], [['first'], []]);
    await verifiedRestore(layout, 'restore-2');
    const kept = (await readdir(join(layout.dir, '.redis-backup'))).filter((name) => name !== 'lock');
    assert.deepEqual(kept, ['restore-2', 'second', 'third']);
    await rm(layout.dir, { recursive: true });
  });

  it('is not taken for the old data of a restore of the same name', async () => {
    const layout = await make();
    await setAsideOn(layout);
    await stageRdb(layout, ID, chunksOf(RDB));
    await moveAside(layout, ID);
    await assert.rejects(replaceWithRdb(layout, ID, { buildAppendDirectory: builderOn(realFileSystem) }), {
      code: 'DATA_DIRECTORY',
    });
    assert.equal((await putBack(layout, ID)).changed, false);
    assert.deepEqual(await contents(layout.dir), NOBODY);
    await rm(layout.dir, { recursive: true });
  });

  it('comes before the start without it, and nothing may lie in its place again', async () => {
    const layout = await make();
    await assert.rejects(permit(layout), { code: 'DATA_DIRECTORY', message: /its data was not set aside/ });
    await setAsideOn(layout);
    await redisWrites(layout, 'by somebody');
    await assert.rejects(permit(layout), { code: 'DATA_DIRECTORY', message: /dump\.rdb is there again/ });
    assert.equal((await undo(layout, true)).changed, false);
    await permit(layout, true);
    await rm(layout.dir, { recursive: true });
  });
});

describe('a copy of a data directory that stays in use', () => {
  const make = () => freshDirectory(FOUND['a multi-part log'] ?? {}, true);
  const copy = (layout: DataLayout, files: FileSystem = realFileSystem) => copyAside(layout, ID, { files });
  const logOf = (dir: string, name: string) => join(dir, 'appendonlydir', `appendonly.aof.${name}`);

  it('is whole wherever the worker was killed, and the files are where they were', async () => {
    await atEveryPoint(make, copy, async (layout, point) => {
      const { directory } = await copy(layout);
      assert.deepEqual(await contents(directory), FOUND['a multi-part log'], point);
      assert.deepEqual(await contents(layout.dir), { ...FOUND['a multi-part log'], ...NOBODY }, point);
    });
  });

  it('is not shortened with an increment that Redis cuts, and takes no room for a base', async () => {
    const layout = await make();
    const { directory, linked } = await copy(layout);
    await realFileSystem.open(logOf(layout.dir, '1.incr.aof'), 'r+').then(async (file) => {
      await file.truncate(3);
      await file.close();
    });
    assert.equal(await readFile(logOf(directory, '1.incr.aof'), 'utf8'), 'old incr');
    assert.deepEqual(linked, []);
    assert.equal((await stat(logOf(directory, '1.base.rdb'))).ino, (await stat(logOf(layout.dir, '1.base.rdb'))).ino);
    await rm(layout.dir, { recursive: true });
  });

  for (const [what, limit] of Object.entries({ bytes: { mostBytes: 20 }, time: { mostMs: -1 } }))
    it(`takes links where it would take too much ${what}`, async () => {
      const layout = await make();
      for (const seq of [9, 10]) await writeFile(logOf(layout.dir, `${seq}.incr.aof`), 'a longer incr');
      const { directory, linked } = await copyAside(layout, ID, limit);
      const names = linked.map((path) => path.split('/').at(-1));
      const all = ['10', '9', '1'].map((seq) => `appendonly.aof.${seq}.incr.aof`);
      assert.ok(names.includes(all[1]) && names.includes(all[2]), names.join());
      assert.equal(names.includes(all[0]), what === 'time');
      assert.equal((await readdir(join(directory, 'appendonlydir'))).length, 5);
      await rm(layout.dir, { recursive: true });
    });
});

describe('the record of the last restart', () => {
  it('is read as it was written, and as none when it is damaged or not there', async () => {
    const layout = await freshDirectory({}, true);
    assert.equal(await readRestart(layout), undefined);
    const record = { instance: 'main', shard: '0', operationId: ID, assessedAt: '2026-01-01T00:00:00Z', atMs: 5 };
    assert.equal(await writeRestart(layout, record), true);
    assert.deepEqual(await readRestart(layout), record);
    await appendFile(join(layout.dir, '.redis-backup', 'last-restart.json'), '}');
    assert.equal(await readRestart(layout), undefined);
    await mkdir(join(layout.dir, 'appendonlydir'));
    await rm(layout.dir, { recursive: true });
  });
});
