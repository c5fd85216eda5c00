// Runs on a disk of 2 MiB, in a process of its own: writes more than fits, and prints what is left.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { spool } from '../../repository/pipeline/spool.ts';
import { FileStore } from '../../repository/stores/file.ts';
import { bytes, keysOf, text } from './bodies.ts';

const directory = process.argv[2] ?? '';
const store = new FileStore(directory);
await store.put('a', bytes('old'));
const error = await store.put('a', bytes(Buffer.alloc(8 * 1024 * 1024))).then(
  () => undefined,
  (thrown) => thrown,
);

async function* eightMiB(): AsyncGenerator<Buffer> {
  for (let i = 0; i < 128; i++) yield Buffer.alloc(64 * 1024, i);
}
let spooled = 0;
const { promise: diskFull, resolve: onUnusable } = Promise.withResolvers<unknown>();
for await (const chunk of spool(eightMiB(), { directory, maxBytes: 64 * 1024 * 1024, memoryBytes: 100_000, onUnusable })) {
  if (spooled === 0) await diskFull;
  spooled += chunk.length;
}
const unfinished = await readdir(join(directory, '.unfinished'));
console.log(
  JSON.stringify({
    code: error?.code,
    old: await text(await store.get('a')),
    unfinished,
    keys: await keysOf(store, ''),
    spooled,
  }),
);
