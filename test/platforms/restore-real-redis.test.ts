import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finish, moveAside, putBack, replaceWithRdb, stageLog, stageRdb } from '../../platforms/data-directory.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import { openProcessPlatform } from '../../platforms/process/process-platform.ts';
import { writeMultiPartFromRdb } from '../../redis/aof/directory.ts';
import { isAtLeast, redisBinaries } from '../support/redis-binaries.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { chunksOf } from './support/data-directories.ts';

const CUSTOM = { dbfilename: 'custom.rdb', appendfilename: '"my log.aof"', appenddirname: '"log dir"' };

const CASES: { title: string; config: Record<string, string>; needs7?: boolean }[] = [
  { title: 'appendonly no', config: {} },
  { title: 'appendonly yes', config: { appendonly: 'yes' } },
  { title: 'appendonly no, own names', config: { ...CUSTOM }, needs7: true },
  { title: 'appendonly yes, own names', config: { appendonly: 'yes', ...CUSTOM }, needs7: true },
];

for (const binary of redisBinaries()) {
  describe(`a data directory of ${binary.label}`, () => {
    let rdb: Buffer;
    before(async () => {
      await using source = await startRedis({ binary: binary.path });
      await fillWith(source, 500, 'new');
      await source.command('SAVE');
      rdb = await readFile(join(source.dir, 'dump.rdb'));
    });

    for (const { title, config, needs7 = false } of CASES) {
      if (needs7 && !isAtLeast(binary, 7)) continue; // appenddirname came with 7.0
      it(`is what Redis loads after the replacement, and what it had before after putBack, with ${title}`, async () => {
        await using server = await startRedis({ binary: binary.path, config });
        await fillWith(server, 90, 'old');
        if (config.appendonly !== 'yes') await server.command('SAVE');
        const platform = openProcessPlatform({ start: { command: [binary.path, server.configFile] }, port: server.port });
        const layout = await platform.dataLayout();
        await server.stop(); // without save points, so nothing is written
        await platform.stop();

        await restore(layout, 'op', rdb, isAtLeast(binary, 7) ? 'multi-part' : 'single-file');
        await server.restart();
        assert.equal(await server.dbsize(), 500);
        assert.equal(await server.command('GET', 'new:499'), 'value 499');
        await server.command('SET', 'written', 'since');
        await server.stop(); // without save points, so nothing is written
        await platform.stop();

        const { rejected } = await putBack(layout, 'op');
        assert.ok((rejected?.bytes ?? 0) >= rdb.length * 0.9);
        await server.restart();
        assert.equal(await server.dbsize(), 90);
        assert.equal(await server.command('GET', 'old:89'), 'value 89');
      });
    }

    it('is loaded with the log behind the RDB, and Redis goes on from there', async () => {
      await using server = await startRedis({ binary: binary.path, config: { appendonly: 'yes' } });
      await fillWith(server, 90, 'old');
      const platform = openProcessPlatform({ start: { command: [binary.path, server.configFile] }, port: server.port });
      const layout = await platform.dataLayout();
      await server.stop();
      const log = Buffer.from('*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*2\r\n$3\r\nDEL\r\n$5\r\nnew:0\r\n');

      await restore(layout, 'op', rdb, isAtLeast(binary, 7) ? 'multi-part' : 'single-file', log);
      await server.restart();
      assert.equal(await server.dbsize(), 499);
      await server.command('SET', 'written', 'since');
      await server.kill('SIGKILL');
      await server.restart();
      assert.equal(await server.dbsize(), 500);
    });
  });
}

async function restore(
  layout: DataLayout,
  id: string,
  rdb: Buffer,
  appendForm: 'multi-part' | 'single-file',
  log?: Buffer,
): Promise<void> {
  await stageRdb(layout, id, chunksOf(rdb, 4096));
  if (log) await stageLog(layout, id, chunksOf(log, 16));
  await moveAside(layout, id);
  await replaceWithRdb(layout, id, { buildAppendDirectory: writeMultiPartFromRdb, appendForm });
  await finish(layout, id);
}

async function fillWith(server: RedisServer, keys: number, prefix: string): Promise<void> {
  const words = Array.from({ length: keys }, (_, at) => [`${prefix}:${at}`, `value ${at}`]).flat();
  await server.command('MSET', ...words);
}
