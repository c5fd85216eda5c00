import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { configSchema } from '../../config/schema.ts';
import { documentedFields } from '../../config/walk.ts';
import { configJsonSchema } from '../../scripts/docs/config-schema.ts';
import { configurationTables } from '../../scripts/docs/configuration-tables.ts';
import { assertGenerated, assertGeneratedFile } from '../support/generated-docs.ts';

const ROOT = join(import.meta.dirname, '../..');
const SCHEMA = 'config/redis-backup.schema.json';

describe('docs/configuration.md', () => {
  it('names every field of the configuration with what is allowed and the default', () =>
    assertGenerated('docs/configuration.md', configurationTables()));

  it('has a text for every field', () => {
    const without = [...documentedFields(configSchema)].filter(({ text }) => !text?.about || !text.allowed);
    assert.deepEqual(
      without.map(({ path }) => path),
      [],
    );
  });
});

describe(SCHEMA, () => {
  it('is what the configuration takes', () => assertGeneratedFile(SCHEMA, configJsonSchema()));

  it('takes the example, and not a field or a value that nobody knows', async () => {
    const schema = z.fromJSONSchema(JSON.parse(await readFile(join(ROOT, SCHEMA), 'utf8')));
    const example = parse(await readFile(join(ROOT, 'examples/redis-backup.yaml'), 'utf8'));
    assert.deepEqual(schema.safeParse(example).error?.issues ?? [], []);
    const [name = ''] = Object.keys(example.instances);
    const changed = (change: (main: Record<string, unknown>) => void) => {
      const copy = structuredClone(example);
      change(copy.instances[name]);
      return schema.safeParse(copy).success;
    };
    assert.equal(
      changed((main) => Object.assign(main, { bakcup: {} })),
      false,
    );
    assert.equal(
      changed((main) => Object.assign(main, { backup: { method: 'copy' } })),
      false,
    );
    assert.equal(
      changed((main) => delete main.url),
      false,
    );
  });
});
