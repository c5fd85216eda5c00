import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PART = /(<!-- begin generated[^>]*-->\n)[\s\S]*?(<!-- end generated -->)/;

/**
 * Fails unless the generated part of a page is what the code says. `UPDATE_DOCS=1` writes it instead.
 * @param page - path from the root of the clone, such as `docs/errors.md`
 */
export async function assertGenerated(page: string, expected: string): Promise<void> {
  const file = path.join(ROOT, page);
  const text = await readFile(file, 'utf8');
  assert.match(text, PART, `${page} has no generated part`);
  const wanted = text.replace(PART, (_, begin: string, end: string) => `${begin}${expected.trim()}\n${end}`);
  if (process.env.UPDATE_DOCS) await writeFile(file, wanted);
  else assert.equal(text, wanted, `${page} is not up to date; run the tests once with UPDATE_DOCS=1 and look at the difference`);
}

/** The same of a file of which all is generated. */
export async function assertGeneratedFile(name: string, expected: string): Promise<void> {
  const file = path.join(ROOT, name);
  if (process.env.UPDATE_DOCS) await writeFile(file, expected);
  else assert.equal(await readFile(file, 'utf8'), expected, `${name} is not up to date; run the tests once with UPDATE_DOCS=1`);
}
