import { COMMANDS } from '../../cli/commands/index.ts';
import { GLOBAL_OPTIONS } from '../../cli/program.ts';
import { ERRORS, type ErrorCode } from '../../model/errors.ts';
import { OPERATIONS, rulesInOrder } from '../../redis/acl.ts';
import { ERROR_ADVICE } from './error-advice.ts';

const code = (text: string) => `\`${text}\``;
const row = (...cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

/** The table of docs/errors.md, from the table of errors. */
export function errorTable(): string {
  const rows = (Object.keys(ERRORS) as ErrorCode[]).map((name) => {
    const { exit, retryable, title } = ERRORS[name];
    return row(`<a id="${name}"></a>${code(name)}`, String(exit), title, retryable ? 'yes' : 'no', ERROR_ADVICE[name]);
  });
  return ['| code | exit | what it means | tried again by itself | what to do |', '|---|---|---|---|---|', ...rows].join('\n');
}

/** The lines of docs/permissions.md: for a new user, or for one whose rights are all replaced. */
export function permissionLines(): string {
  return OPERATIONS.map(
    ({ name, rules }) =>
      `${name}:\n\n\`\`\`\nACL SETUSER redis-backup on ><password> resetkeys resetchannels -@all ${rulesInOrder(rules).join(' ')}\n\`\`\``,
  ).join('\n\n');
}

/** The sections of docs/commands.md, from the table of commands. */
export function commandSections(): string {
  const sections = COMMANDS.map((spec) => {
    const usage = ['redis-backup', spec.name, ...spec.arguments.map(({ name }) => `[${name}]`)].join(' ');
    const rows = [
      ...spec.arguments.map(({ name, about }) => row(code(name), about)),
      ...spec.options.map(({ flags, about }) => row(code(flags), about)),
    ];
    return [
      `### ${code(usage)}`,
      '',
      `${capital(spec.about)}.`,
      ...(rows.length > 0 ? ['', '| argument or option | what it is |', '|---|---|', ...rows] : []),
      ...(spec.exits ? ['', `Exit code: ${spec.exits}.`] : []),
    ].join('\n');
  });
  const everywhere = GLOBAL_OPTIONS.map(({ flags, about }) => row(code(flags), about));
  return [...sections, ['### Everywhere', '', '| option | what it is |', '|---|---|', ...everywhere].join('\n')].join('\n\n');
}

const capital = (text: string) => `${text[0]?.toUpperCase()}${text.slice(1)}`;
