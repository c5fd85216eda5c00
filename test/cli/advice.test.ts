import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { COMMANDS } from '../../cli/commands/index.ts';
import { GLOBAL_OPTIONS } from '../../cli/program.ts';
import { ERRORS } from '../../model/errors.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const ROOMS = ['model', 'redis', 'repository', 'platforms', 'activities', 'workflows', 'worker', 'cli', 'config', 'probes'];
/** Where codes stand without being thrown. */
const TABLES = new Set(['model/errors.ts', 'scripts/docs/error-advice.ts']);
/** `redis-backup COMMAND …` up to the end of what a person would copy. */
const PRINTED = /redis-backup ([a-z][a-z-]*)((?: (?:\$\{[^}]*\}|[^\s`'".,;()|]+))*)/g;

async function textsOf(folder: string, ends: string): Promise<{ file: string; text: string }[]> {
  const files = (await readdir(path.join(ROOT, folder), { recursive: true })).filter((file) => file.endsWith(ends));
  return Promise.all(
    files.map(async (name) => ({ file: `${folder}/${name}`, text: await readFile(path.join(ROOT, folder, name), 'utf8') })),
  );
}

const sources = async () => (await Promise.all(ROOMS.map((room) => textsOf(room, '.ts')))).flat();
const pages = async () => [
  ...(await textsOf('docs', '.md')),
  { file: 'README.md', text: await readFile(path.join(ROOT, 'README.md'), 'utf8') },
];

describe('What people are advised', () => {
  it('names commands and options that there are', async () => {
    const everywhere = GLOBAL_OPTIONS.map(({ flags }) => flags);
    const known = new Map(COMMANDS.map(({ name, options }) => [name, [...options.map(({ flags }) => flags), ...everywhere]]));
    const wrong: string[] = [];
    let seen = 0;
    for (const { file, text } of [...(await sources()), ...(await pages())])
      for (const [all, name = '', rest = ''] of text.matchAll(PRINTED)) {
        const options = rest.match(/--[a-z][a-z-]*/g) ?? [];
        const flags = known.get(name);
        if (!flags && options.length === 0) continue; // a sentence that goes on
        seen += 1;
        for (const option of options)
          if (!flags?.some((one) => one.split(/[ ,]+/).includes(option)) && option !== '--help') wrong.push(`${file}: ${all}`);
      }
    assert.ok(seen > 50, `only ${seen} commands were found`);
    assert.deepEqual(wrong, []);
  });

  it('has no option that does not exist in any sentence', async () => {
    const all = new Set(
      [...COMMANDS.flatMap(({ options }) => options), ...GLOBAL_OPTIONS].flatMap(({ flags }) => flags.split(/[ ,]+/)),
    );
    for (const own of ['--help', '--version']) all.add(own);
    const rooms = (await sources()).filter(({ file }) => /^(model|activities|cli)\//.test(file));
    const wrong = rooms.flatMap(({ file, text }) =>
      [...text.matchAll(/`(--[a-z][a-z-]+)/g)]
        .filter(([, option = '']) => !all.has(option))
        .map(([, option]) => `${file}: ${option}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('has every code of the table thrown somewhere', async () => {
    const texts = (await sources()).filter(({ file }) => !TABLES.has(file)).map(({ text }) => text);
    const never = Object.keys(ERRORS).filter((code) => !texts.some((text) => new RegExp(`\\b${code}\\b`).test(text)));
    assert.deepEqual(never, []);
  });
});
