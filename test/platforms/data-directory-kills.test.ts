import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { type FileSystem, realFileSystem } from '../../platforms/data-directory/files.ts';
import { finish, moveAside, putBack, replaceWithRdb, stageRdb } from '../../platforms/data-directory.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import { builderOn, chunksOf, contents, FOUND, freshDirectory, RDB, redisWrites } from './support/data-directories.ts';
import { atEveryPoint } from './support/every-point.ts';

const ID = 'restore-1';

async function wholeRestore(layout: DataLayout, files: FileSystem): Promise<void> {
  await stageRdb(layout, ID, chunksOf(RDB), { files });
  await moveAside(layout, ID, { files });
  await replaceOn(layout, files);
  await finish(layout, ID, { files });
}

const replaceOn = (layout: DataLayout, files: FileSystem) =>
  replaceWithRdb(layout, ID, { files, buildAppendDirectory: builderOn(files) });
const replace = (layout: DataLayout) => replaceOn(layout, realFileSystem);

const restored = (layout: DataLayout): Record<string, string> => ({
  'unrelated.txt': 'not ours',
  ...(layout.appendonly
    ? { 'appendonlydir/appendonly.aof.1.base.rdb': RDB.toString(), 'appendonlydir/appendonly.aof.manifest': 'new manifest' }
    : { 'dump.rdb': RDB.toString() }),
});

const CASES = [
  { found: 'nothing', appendonly: true },
  { found: 'a multi-part log', appendonly: true },
  { found: 'an RDB and a log of Redis 6', appendonly: false },
];

for (const { found: name, appendonly } of CASES) {
  describe(`the data directory with ${name} and appendonly ${appendonly ? 'yes' : 'no'}`, () => {
    const found = FOUND[name] ?? {};
    const make = () => freshDirectory(found, appendonly);
    const asItWas = { ...found, 'unrelated.txt': 'not ours' };

    it('comes to the same end wherever the worker was killed', async () => {
      const points = await atEveryPoint(make, wholeRestore, async (layout, point) => {
        await wholeRestore(layout, realFileSystem);
        assert.deepEqual(await contents(layout.dir), restored(layout), point);
      });
      assert.ok(points > 25, `only ${points} points`);
    });

    it('is as it was after putBack, wherever the worker was killed', async () => {
      await atEveryPoint(make, wholeRestore, async (layout, point) => {
        await putBack(layout, ID);
        assert.deepEqual(await contents(layout.dir), asItWas, point);
      });
    });

    it('is as it was when putBack itself is killed anywhere, after Redis had written', async () => {
      const makeUsed = async () => {
        const layout = await make();
        await wholeRestore(layout, realFileSystem);
        await redisWrites(layout, 'after the restore');
        return layout;
      };
      await atEveryPoint(
        makeUsed,
        (layout, files) => putBack(layout, ID, { files }),
        async (layout, point) => {
          await putBack(layout, ID);
          assert.deepEqual(await contents(layout.dir), asItWas, point);
        },
      );
    });

    it('never goes on forwards once putBack has begun to go back', async () => {
      const makeUsed = async () => {
        const layout = await make();
        await wholeRestore(layout, realFileSystem);
        return layout;
      };
      await atEveryPoint(
        makeUsed,
        (layout, files) => putBack(layout, ID, { files }),
        async (layout, point) => {
          const half = await contents(layout.dir);
          const forwards = await Promise.allSettled([
            stageRdb(layout, ID, chunksOf(RDB)),
            moveAside(layout, ID),
            replace(layout),
          ]);
          if (!isDeepStrictEqual(half, restored(layout))) {
            for (const { status } of forwards) assert.equal(status, 'rejected', point);
          }
          await putBack(layout, ID);
          assert.deepEqual(await contents(layout.dir), asItWas, point);
        },
      );
    });

    it('is replaced and can be put back although the worker was killed while it moved the old data', async () => {
      const makeStaged = async () => {
        const layout = await make();
        await stageRdb(layout, ID, chunksOf(RDB));
        return layout;
      };
      await atEveryPoint(
        makeStaged,
        (layout, files) => moveAside(layout, ID, { files }),
        async (layout, point) => {
          // Without a retry of moveAside: its answer was lost, say, and a person let the runbook go on.
          const went = await replace(layout).then(
            () => true,
            () => false,
          );
          if (went) assert.deepEqual(await contents(layout.dir), restored(layout), point);
          await putBack(layout, ID);
          assert.deepEqual(await contents(layout.dir), asItWas, point);
        },
      );
    });

    it('is not mixed with what a Redis wrote that somebody started in the middle', async () => {
      const makeAside = async () => {
        const layout = await make();
        await stageRdb(layout, ID, chunksOf(RDB));
        await moveAside(layout, ID);
        return layout;
      };
      await atEveryPoint(
        makeAside,
        (layout, files) => replaceOn(layout, files),
        async (layout, point) => {
          const wasInPlace = isDeepStrictEqual(await contents(layout.dir), restored(layout));
          await redisWrites(layout, 'in the middle');
          await replace(layout);
          if (!wasInPlace) assert.deepEqual(await contents(layout.dir), restored(layout), point);
          await putBack(layout, ID);
          assert.deepEqual(await contents(layout.dir), asItWas, point);
        },
      );
    });
  });
}
