import { z } from 'zod';
import { FIELD_TEXTS } from '../../config/fields.ts';
import { configSchema } from '../../config/schema.ts';

/** The JSON schema of redis-backup.yaml, for editors: what a file may have, as the configuration reads it. */
export function configJsonSchema(): string {
  const schema = z.toJSONSchema(configSchema, {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const text = FIELD_TEXTS.get(zodSchema);
      if (text?.about) jsonSchema.description = `${text.about} Allowed: ${text.allowed}.`;
    },
  });
  return `${JSON.stringify({ title: 'redis-backup.yaml', ...schema }, null, 2)}\n`;
}
