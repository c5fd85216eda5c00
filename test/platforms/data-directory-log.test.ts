import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileSystem, realFileSystem } from '../../platforms/data-directory/files.ts';
import { finish, moveAside, putBack, replaceWithRdb, stagedLog, stageLog, stageRdb } from '../../platforms/data-directory.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import { builderOn, chunksOf, contents, FOUND, freshDirectory, LOG, RDB } from './support/data-directories.ts';
import { atEveryPoint } from './support/every-point.ts';

const ID = 'restore-1';
type Form = 'multi-part' | 'single-file';

const EXPECTED: Record<Form, Record<string, string>> = {
  'multi-part': {
    'appendonlydir/appendonly.aof.1.base.rdb': RDB.toString(),
    'appendonlydir/appendonly.aof.1.incr.aof': LOG.toString(),
    'appendonlydir/appendonly.aof.manifest': 'new manifest',
  },
  'single-file': { 'appendonly.aof': `${RDB}${LOG}` },
};

/** What comes behind the RDB; that one's own staging has its own tests. */
async function restoreOn(layout: DataLayout, form: Form, files: FileSystem = realFileSystem): Promise<void> {
  await stageLog(layout, ID, chunksOf(LOG), { files });
  await moveAside(layout, ID, { files });
  await replace(layout, form, files);
  await finish(layout, ID, { files });
}

const replace = (layout: DataLayout, appendForm: Form, files: FileSystem = realFileSystem) =>
  replaceWithRdb(layout, ID, { files, buildAppendDirectory: builderOn(files), appendForm, needsLog: true });

for (const [form, name] of [
  ['multi-part', 'a multi-part log'],
  ['single-file', 'an RDB and a log of Redis 6'],
] as [Form, string][]) {
  describe(`a data directory that gets an RDB with a log behind it, ${form}`, () => {
    const make = async () => {
      const layout = await freshDirectory(FOUND[name] ?? {}, true);
      await stageRdb(layout, ID, chunksOf(RDB));
      return layout;
    };
    const restored = { 'unrelated.txt': 'not ours', ...EXPECTED[form] };

    it('comes to the same end wherever the worker was killed, and can be put back from there', async () => {
      const points = await atEveryPoint(
        make,
        (layout, files) => restoreOn(layout, form, files),
        async (layout, point) => {
          await restoreOn(layout, form);
          assert.deepEqual(await contents(layout.dir), restored, point);
          await putBack(layout, ID);
          assert.deepEqual(await contents(layout.dir), { ...FOUND[name], 'unrelated.txt': 'not ours' }, point);
        },
        process.env.CASES ? 1 : 2,
      );
      assert.ok(points > 20, `only ${points} points`);
    });

    it('finds the staged files as they were after a builder was killed', async () => {
      const makeAside = async () => {
        const layout = await make();
        await stageLog(layout, ID, chunksOf(LOG));
        await moveAside(layout, ID);
        return layout;
      };
      await atEveryPoint(
        makeAside,
        (layout, files) => replace(layout, form, files),
        async (layout, point) => {
          await replace(layout, form);
          assert.deepEqual(await contents(layout.dir), restored, point);
        },
      );
    });
  });
}

describe('a staged log', () => {
  let layout: DataLayout;
  const make = async (appendonly: boolean) => {
    layout = await freshDirectory(FOUND['an RDB'] ?? {}, appendonly);
    return layout;
  };
  afterEach(() => rm(layout.dir, { recursive: true }));

  const refused = {
    code: 'RESTORE_REFUSED',
    message: /runs with appendonly no, so it reads no log when it starts/,
    next: 'Use strategy live, or turn appendonly on.',
  };

  it('is refused for a Redis that would not read it, at each step before anything is moved', async () => {
    await make(true);
    const staged = await stageLog(layout, ID, chunksOf(LOG));
    assert.deepEqual(staged, { path: join(layout.dir, '.redis-backup', ID, 'staged', 'log.aof'), bytes: LOG.length });
    await stageRdb(layout, ID, chunksOf(RDB));
    const turnedOff = { ...layout, appendonly: false }; // by a person, in the meantime
    await assert.rejects(stageLog(turnedOff, ID, chunksOf(LOG)), refused);
    await assert.rejects(moveAside(turnedOff, ID), refused);
    assert.deepEqual(await contents(layout.dir), { ...FOUND['an RDB'], 'unrelated.txt': 'not ours' });
    await moveAside(layout, ID);
    await assert.rejects(replace(turnedOff, 'multi-part'), refused);
  });

  it('that the plan has and nobody staged is missed', async () => {
    await make(true);
    await stageRdb(layout, ID, chunksOf(RDB));
    await moveAside(layout, ID);
    await assert.rejects(replace(layout, 'multi-part'), { code: 'DATA_DIRECTORY', message: /no log is staged/ });
  });

  it('is not there before all of it is, and does not disturb the RDB that is being staged', async () => {
    await make(true);
    const { promise: wait, resolve: goOn } = Promise.withResolvers<void>();
    async function* slowly() {
      yield RDB.subarray(0, 9);
      await wait;
      yield RDB.subarray(9);
    }
    const rdb = stageRdb(layout, ID, slowly());
    await assert.rejects(stageLog(layout, ID, failing()), /lost/);
    assert.equal(await stagedLog(layout, ID), undefined);
    await stageLog(layout, ID, chunksOf(LOG));
    assert.equal((await stagedLog(layout, ID))?.bytes, LOG.length);
    goOn();
    assert.equal((await rdb).bytes, RDB.length);
  });

  it('that a builder leaves out is not lost without a word', async () => {
    await make(true);
    await stageRdb(layout, ID, chunksOf(RDB));
    await stageLog(layout, ID, chunksOf(LOG));
    await moveAside(layout, ID);
    const build = builderOn(realFileSystem);
    await assert.rejects(
      replaceWithRdb(layout, ID, { buildAppendDirectory: (dir, { logPath: _, ...names }) => build(dir, names) }),
      { code: 'INTERNAL', message: /was built without .*log\.aof/ },
    );
  });
});

async function* failing(): AsyncGenerator<Buffer> {
  yield LOG;
  throw new Error('lost');
}
