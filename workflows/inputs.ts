import { isName, timeOfBackupId } from '../model/instance.ts';
import { parseUntil } from '../model/until.ts';
import { failure } from './failures.ts';

type Check = (value: unknown) => string | undefined;

const text: Check = (value) => (typeof value === 'string' && value !== '' ? undefined : 'a text');
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** What an input may hold. Hand-written: people type these at 3 a.m., and a schema library is too big for the sandbox. */
export const CHECKS = {
  instance: (value) => (typeof value === 'string' && isName(value) ? undefined : 'the name of an instance, such as "main"'),
  backupId: (value) => {
    if (value === 'latest') return undefined;
    try {
      timeOfBackupId(String(value));
      return undefined;
    } catch {
      return '"latest" or a UTC time as YYYYMMDDTHHMMSSZ';
    }
  },
  until: (value) =>
    typeof value === 'string' && parseUntil(value)
      ? undefined
      : '"latest", a time such as "2026-08-01T10:42:07Z", or "<timeline>@<offset>"',
  strategy: (value) => (value === 'replace' || value === 'live' ? undefined : '"replace" or "live"'),
  reason: (value) => (value === 'manual' || value === 'scheduled' ? undefined : '"manual" or "scheduled"'),
  seconds: (value) => (typeof value === 'number' && value >= 0 && value < 1e7 ? undefined : 'a number of seconds'),
  milliseconds: (value) => (typeof value === 'number' && value > 0 && value < 1e10 ? undefined : 'a number of milliseconds'),
  onDamage: (value) => (value === 'serve-empty' || value === 'ask' ? undefined : '"serve-empty" or "ask"'),
  restore: (value) => (['never', 'ask', 'auto'].includes(String(value)) ? undefined : '"never", "ask" or "auto"'),
  names: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string' && one !== '')
      ? undefined
      : 'a list of names, such as ["sessions"]',
  rpo: (value) =>
    isRecord(value) && typeof value.seconds === 'number' && [value.storedUpTo, value.asOf].every((one) => text(one) === undefined)
      ? undefined
      : '{"seconds":0.4,"storedUpTo":"2026-08-01T10:42:07Z","asOf":"2026-08-01T10:42:07Z"}, or rather left out',
  text,
  flag,
} as const satisfies Record<string, Check>;

/**
 * Refuses an input that was mistyped, before anything is done. Every field is named; unknown ones too.
 * @throws ApplicationFailure `INPUT_INVALID`
 */
export function checkInput<T>(
  workflow: string,
  input: T,
  required: Partial<Record<keyof T & string, Check>>,
  optional: Partial<Record<keyof T & string, Check>>,
): T {
  const example = `See examples/${workflow}.json for a whole input.`;
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw failure('INPUT_INVALID', `the input of ${workflow} is not one JSON object`, example);
  }
  const given = input as Record<string, unknown>;
  const checks: Record<string, Check | undefined> = { ...required, ...optional };
  const problems = [
    ...Object.keys(given)
      .filter((name) => !(name in checks))
      .map((name) => `unknown field "${name}" (known: ${Object.keys(checks).join(', ')})`),
    ...Object.keys(required)
      .filter((name) => given[name] === undefined)
      .map((name) => `"${name}" is missing`),
    ...Object.keys(given).flatMap((name) => {
      const allowed = given[name] === undefined ? undefined : checks[name]?.(given[name]);
      return allowed ? [`"${name}" is ${JSON.stringify(given[name])}, it must be ${allowed}`] : [];
    }),
  ];
  if (problems.length > 0)
    throw failure('INPUT_INVALID', `the input of ${workflow} is not usable: ${problems.join('; ')}`, example);
  return input;
}
