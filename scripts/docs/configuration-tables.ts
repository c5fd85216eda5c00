import { configSchema } from '../../config/schema.ts';
import { type DocumentedField, documentedFields } from '../../config/walk.ts';

const code = (text: string) => `\`${text}\``;
const cell = (text: string) => text.replaceAll('|', '\\|');

function byDefault({ byDefault: value, text, required }: DocumentedField): string {
  if (required) return '**required**';
  if (text?.byDefault) return text.byDefault;
  if (value === undefined || (typeof value === 'object' && Object.keys(value ?? {}).length === 0)) return '–';
  return code(typeof value === 'object' ? JSON.stringify(value).replaceAll('"', '') : String(value));
}

/** `instances.<name>.backup.every` stands in the table of `instances.<name>.backup`. */
const sectionOf = (path: string) => path.split('.').slice(0, -1).join('.');

/** The tables of docs/configuration.md, one for each section of the file, from the schema. */
export function configurationTables(): string {
  const tables = new Map<string, string[]>();
  for (const field of documentedFields(configSchema)) {
    const section = sectionOf(field.path);
    const variant = field.variant ? ` (${field.variant})` : '';
    const row = [`${code(field.path)}${variant}`, field.text?.about ?? '', field.text?.allowed ?? '', byDefault(field)].map(cell);
    tables.set(section, [...(tables.get(section) ?? []), `| ${row.join(' | ')} |`]);
  }
  const head = ['| field | what it is | allowed | default |', '|---|---|---|---|'];
  return [...tables]
    .map(([section, rows]) => [`### ${section ? code(section) : 'The whole file'}`, '', ...head, ...rows].join('\n'))
    .join('\n\n');
}
