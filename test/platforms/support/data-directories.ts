import { existsSync } from 'node:fs';
import * as promises from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileSystem } from '../../../platforms/data-directory/files.ts';
import type { BuildAppendDirectory } from '../../../platforms/data-directory.ts';
import type { DataLayout } from '../../../platforms/platform.ts';

export const RDB = Buffer.from('REDIS0011 the restored data');
export const LOG = Buffer.from('*1\r\n$8\r\nFLUSHALL\r\n');

/** The shapes in which Redis leaves its data: what the restore finds. */
export const FOUND: Record<string, Record<string, string>> = {
  nothing: {},
  'an RDB': { 'dump.rdb': 'old rdb' },
  'a multi-part log': {
    'dump.rdb': 'older rdb',
    'appendonlydir/appendonly.aof.1.base.rdb': 'old base',
    'appendonlydir/appendonly.aof.1.incr.aof': 'old incr',
    'appendonlydir/appendonly.aof.manifest': 'old manifest',
  },
  'an RDB and a log of Redis 6': { 'dump.rdb': 'old rdb', 'appendonly.aof': 'old log' },
  'a log of Redis 6': { 'appendonly.aof': 'old log' },
};

/** Thousands of syncs: in memory where there is a place for that. */
const TEMPORARY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export async function freshDirectory(found: Record<string, string>, appendonly: boolean): Promise<DataLayout> {
  const dir = await promises.mkdtemp(join(TEMPORARY, 'redis-backup-data-'));
  for (const [name, text] of Object.entries({ ...found, 'unrelated.txt': 'not ours' })) {
    await promises.mkdir(join(dir, name, '..'), { recursive: true });
    await promises.writeFile(join(dir, name), text);
  }
  return { dir, dbfilename: 'dump.rdb', appendonly, appenddirname: 'appendonlydir', appendfilename: 'appendonly.aof' };
}

/** Everything that Redis would see: path → content, without what redis-backup keeps. */
export async function contents(directory: string, prefix = ''): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const entry of await promises.readdir(directory, { withFileTypes: true })) {
    if (entry.name === '.redis-backup') continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) Object.assign(all, await contents(path, `${prefix}${entry.name}/`));
    else all[prefix + entry.name] = await promises.readFile(path, 'latin1');
  }
  return all;
}

/** As the real builder does it: the RDB and the log are moved in, not copied. */
export const builderOn =
  (files: FileSystem): BuildAppendDirectory =>
  async (directory, { appenddirname, appendfilename, rdbPath, logPath }) => {
    const made = join(directory, appenddirname);
    await files.mkdir(made);
    if (logPath) await files.rename(logPath, join(made, `${appendfilename}.1.incr.aof`));
    await files.rename(rdbPath, join(made, `${appendfilename}.1.base.rdb`));
    const handle = await files.open(join(made, `${appendfilename}.manifest`), 'w');
    await handle.writeFile('new manifest').finally(() => handle.close());
  };

/** What a Redis that was started meanwhile leaves behind. */
export async function redisWrites({ dir, appendonly, appenddirname, dbfilename }: DataLayout, mark: string): Promise<void> {
  await promises.writeFile(join(dir, dbfilename), `rdb ${mark}`);
  if (!appendonly) return;
  await promises.mkdir(join(dir, appenddirname), { recursive: true });
  await promises.writeFile(join(dir, appenddirname, 'appendonly.aof.9.incr.aof'), `incr ${mark}`);
}

export async function* chunksOf(bytes: Buffer, size = 7): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
