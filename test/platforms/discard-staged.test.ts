import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { discardStaged, moveAside, stagedRdb, stageRdb } from '../../platforms/data-directory.ts';

async function* bytes(text: string) {
  yield Buffer.from(text);
}

describe('Discarding a download', () => {
  const layout = {
    dir: '',
    dbfilename: 'dump.rdb',
    appendonly: false,
    appenddirname: 'appendonlydir',
    appendfilename: 'appendonly.aof',
  };
  beforeEach(async () => {
    layout.dir = await mkdtemp(join(tmpdir(), 'redis-backup-discard-'));
    await writeFile(join(layout.dir, 'dump.rdb'), 'old');
  });
  afterEach(() => rm(layout.dir, { recursive: true, force: true }));

  it('leaves the data alone and keeps a late step of the same operation from beginning', async () => {
    await stageRdb(layout, 'operation', bytes('new'));
    await discardStaged(layout, 'operation');
    assert.equal(await stagedRdb(layout, 'operation'), undefined);
    assert.equal(await readFile(join(layout.dir, 'dump.rdb'), 'utf8'), 'old');
    await assert.rejects(moveAside(layout, 'operation'), { code: 'RESTORE_REFUSED' });
  });

  it('moves nothing under a Redis that a person started after a putting back had failed', async () => {
    await stageRdb(layout, 'operation', bytes('new'));
    await moveAside(layout, 'operation');
    await writeFile(join(layout.dir, 'dump.rdb'), 'put there by hand');
    await discardStaged(layout, 'operation');
    assert.equal(await readFile(join(layout.dir, 'dump.rdb'), 'utf8'), 'put there by hand');
  });
});
