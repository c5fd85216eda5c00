import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LeftBehind } from '../../model/recovery/left-behind.ts';
import { leftBehind } from '../../platforms/data-directory.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import { readFilePart } from '../../redis/aof/part.ts';
import { createRdbReader } from '../../redis/rdb/reader.ts';

/** An RDB that is read in a fraction of a second. */
const COUNTED_BYTES = 64 << 20;

/** What operations keep beside the data, with the keys of what was moved away by those that did not end. */
export async function keptBeside(layout: DataLayout): Promise<LeftBehind[]> {
  const found = await leftBehind(layout);
  return Promise.all(
    found.map(async (one) => {
      if (!one.unfinished) return one;
      const asideKeys = await keysIn(join(one.directory, 'aside'), layout).catch(() => undefined); // only a help to whoever reads
      return asideKeys === undefined ? one : { ...one, asideKeys };
    }),
  );
}

/** Of the RDB that Redis would begin with. */
async function keysIn(aside: string, { appenddirname, dbfilename, appendonly }: DataLayout): Promise<number | undefined> {
  const directory = join(aside, appenddirname);
  const bases = appendonly ? (await readdir(directory)).filter((name) => name.endsWith('.base.rdb')) : [];
  const path = appendonly ? join(directory, bases.at(-1) ?? '') : join(aside, dbfilename);
  const { size } = await stat(path);
  if (size > COUNTED_BYTES) return undefined;
  const reader = createRdbReader({ classes: [], takenAtMs: 0 });
  for await (const chunk of readFilePart(path, 0, size)) reader.write(chunk);
  return reader.end().facts.keys;
}
