import { isName, timeOfBackupId } from '../model/instance.ts';
import { isOperationKind } from '../model/lock.ts';
import { parseUntil } from '../model/restore/until.ts';
import { failure } from './failures.ts';

type Check = (value: unknown) => string | undefined;

const text: Check = (value) => (typeof value === 'string' && value !== '' ? undefined : 'a text');
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');

/** A longer text fits on no page, and would stop the workflow that shows it. */
const MOST_LETTERS = 500;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** What an input may hold. Hand-written: people type these at 3 a.m., and a schema library is too big for the sandbox. */
export const CHECKS = {
  instance: (value) => (typeof value === 'string' && isName(value) ? undefined : 'the name of an instance, such as "main"'),
  shard: (value) => (typeof value === 'string' && isName(value) ? undefined : 'the name of one of its shards, such as "0"'),
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
  line: (value) =>
    text(value) === undefined && String(value).length <= MOST_LETTERS ? undefined : `a text of at most ${MOST_LETTERS} letters`,
  minutes: (value) => (typeof value === 'number' && value > 0 && value <= 1440 ? undefined : 'a number from 1 to 1440'),
  time: (value) =>
    typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? undefined : 'a time such as "2026-08-01T10:42:07Z"',
  operation: (value) => (isOperationKind(value) ? undefined : 'an operation, such as "restore"'),
  undoWhen: (value) => (value === 'always' || value === 'unlessSucceeded' ? undefined : '"always" or "unlessSucceeded"'),
  record: (value) => (isRecord(value) && !Array.isArray(value) ? undefined : 'a JSON object'),
  list: (value) => (Array.isArray(value) ? undefined : 'a list'),
  text,
  flag,
} as const satisfies Record<string, Check>;

const OF_NOBODY_BY_HAND: Record<string, string> = {
  instanceLock: 'Operations start it themselves. A lock that needs a person is answered by its update `resolve`.',
  examinePlace: 'Use {"instance":"main"}; `redis-backup check` starts it by itself.',
  foreseeRefusals: 'Use {"instance":"main","isManaged":true}; `redis-backup check` starts it by itself.',
  examineStore: 'Use {"instance":"main"}; `redis-backup check` starts it by itself.',
};

type Checks<T> = Partial<Record<keyof T & string, Check>>;

/**
 * Refuses an input that was mistyped, before anything is done. Every field is named; unknown ones too.
 * @throws ApplicationFailure `INPUT_INVALID`
 */
export function checkInput<T>(workflow: string, input: T, required: Checks<T>, optional: Checks<T>): T {
  const problems = problemsOf(input, required, optional);
  if (problems.length === 0) return input;
  throw failure(
    'INPUT_INVALID',
    `the input of ${workflow} is not usable: ${problems.join('; ')}`,
    OF_NOBODY_BY_HAND[workflow] ?? `See examples/${workflow}.json for a whole input.`,
  );
}

/**
 * The same of an update: a slip such as `declined` for `decline` is refused by name, and never taken as a yes.
 * @param example - the JSON of a whole message, for whoever types it
 * @throws ApplicationFailure `USAGE`
 */
export function checkMessage<T>(
  update: string,
  message: T,
  example: string,
  required: Checks<T>,
  optional: Checks<T> = {},
): void {
  const problems = problemsOf(message, required, optional);
  if (problems.length === 0) return;
  throw failure('USAGE', `${update} was not understood: ${problems.join('; ')}`, `A whole one is ${example}. Nothing was done.`);
}

/** The same of a signal, which nobody can refuse: what is no such message is passed over. */
export const isMessage = <T>(message: T, required: Checks<T>, optional: Checks<T> = {}): boolean =>
  problemsOf(message, required, optional).length === 0;

function problemsOf(message: unknown, required: Checks<object>, optional: Checks<object>): string[] {
  if (!isRecord(message) || Array.isArray(message)) return ['it is not one JSON object'];
  const checks: Record<string, Check | undefined> = { ...required, ...optional };
  return [
    ...Object.keys(message)
      .filter((name) => !Object.hasOwn(checks, name))
      .map((name) => `unknown field "${name}" (known: ${Object.keys(checks).join(', ')})`),
    ...Object.keys(required)
      .filter((name) => message[name] === undefined)
      .map((name) => `"${name}" is missing`),
    ...Object.keys(message).flatMap((name) => {
      const allowed = message[name] === undefined || !Object.hasOwn(checks, name) ? undefined : checks[name]?.(message[name]);
      return allowed ? [`"${name}" is ${JSON.stringify(message[name])?.slice(0, 100)}, it must be ${allowed}`] : [];
    }),
  ];
}
