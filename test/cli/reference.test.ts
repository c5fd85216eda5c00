import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { COMMANDS } from '../../cli/commands/index.ts';
import { ERROR_ADVICE } from '../../cli/reference/error-advice.ts';
import { commandSections, errorTable } from '../../cli/reference/tables.ts';
import { ERRORS } from '../../model/errors.ts';
import { assertGenerated } from '../support/generated-docs.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

describe('the reference', () => {
  it('lists every error with its exit code, its meaning and what to do', () => assertGenerated('docs/errors.md', errorTable()));

  it('has an advice for every error and no other', () => {
    assert.deepEqual(Object.keys(ERROR_ADVICE).sort(), Object.keys(ERRORS).sort());
  });

  it('lists every command with its arguments and options', () => assertGenerated('docs/commands.md', commandSections()));

  it('has a text for every command, argument and option', () => {
    for (const { name, about, arguments: all, options } of COMMANDS) {
      for (const text of [about, ...all.map((one) => one.about), ...options.map((one) => one.about)]) assert.ok(text, name);
    }
  });

  it('leads from page to page without a dead link', async () => {
    for (const page of ['docs/commands.md', 'docs/errors.md', 'docs/configuration.md']) {
      const text = await readFile(path.join(ROOT, page), 'utf8');
      for (const [, link = ''] of text.matchAll(/\]\(([^)#:]+)\)/g)) await readFile(path.join(ROOT, 'docs', link));
    }
  });
});
