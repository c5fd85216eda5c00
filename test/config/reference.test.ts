import assert from 'node:assert/strict';
import { configurationTables } from '../../config/reference.ts';
import { configSchema } from '../../config/schema.ts';
import { documentedFields } from '../../config/walk.ts';
import { assertGenerated } from '../support/generated-docs.ts';

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
