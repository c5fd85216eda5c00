import type { Server } from './rdb-versions.ts';

/**
 * What the next start of a Redis gives: found out by starting its own redis.conf beside it, in an empty directory. A restore that
 * replaces files, a recovery and a put-back are such starts. Holds no secret: passwords are compared, and not kept.
 */
export type NextStart =
  /** It could not be tried. */
  | { outcome: 'unknown'; why: string }
  /** Redis refuses to start with it: its own last lines. */
  | { outcome: 'fails'; lastLines: string }
  | OtherStart
  | NextStarted;

/** It would not be the Redis that runs: another redis.conf, or a data directory that is hidden. It was not tried. */
export interface OtherStart {
  outcome: 'another';
  why: string;
  next: string;
}

export interface NextStarted {
  outcome: 'starts';
  /** Absent: it takes the user and password that we sign in with. */
  signInRefused?: string;
  /** With `signInRefused`. */
  signInCure?: string;
  /** What runs now and is something else after a restart. */
  differences: StartDifference[];
  /** What could not be compared, and why. */
  uncompared: string[];
  /** `host port` that redis.conf makes it follow. */
  follows?: string;
  /** An included file with `user` lines: CONFIG REWRITE would copy them, and Redis not start again. */
  rewriteHarms?: string;
  /** Function libraries of the Redis that runs now. */
  functionsNow?: string[];
  /** What the program that starts is: another one than runs, where it was exchanged since. */
  server?: Server;
  /** Of the server that starts, where it let us ask. */
  databases?: number;
  maxmemoryBytes?: number;
  maxmemoryPolicy?: string;
  modules?: { name: string; version: number }[];
}

export interface StartDifference {
  kind: 'user' | 'setting' | 'module';
  name: string;
  /** What a restart makes of it, such as `100 now, 0 then`. */
  what: string;
  /** A user who signs in now and is refused then. */
  lockedOut?: true;
  /** How what runs now is kept. */
  cure: string;
}

/** What one server says of itself, with its secrets: stays in the memory of whoever compares. */
export interface StartState {
  server: Server;
  /** CONFIG GET *. */
  settings?: Readonly<Record<string, string>>;
  /** ACL LIST. */
  users?: readonly string[];
  modules?: readonly { name: string; version: number }[];
  /** Names of its function libraries, where it has functions and lets us ask. They are data: a restart keeps them, a restore doesn't. */
  functions?: readonly string[];
  /** What it didn't let us ask. */
  refused: readonly string[];
}

/** Where redis.conf says what. */
export interface ConfSources {
  /** Absent: everything is on the command line. */
  configFile?: string;
  aclfile?: string;
  /** Where a directive is set last, unless that is `configFile` itself: an included file, or `the command line`. */
  elsewhere: ReadonlyMap<string, string>;
  /** An included file with `user` lines: CONFIG REWRITE copies them, and Redis then finds each user twice and doesn't start. */
  usersIncludedFrom?: string;
  /** Relative paths, which the proof had to be given as absolute ones. */
  madeAbsolute: ReadonlySet<string>;
  follows?: string;
}

/** They are another's in the proof itself, or say nothing of what runs. */
const OWN = new Set(
  'port tls-port bind unixsocket unixsocketperm dir daemonize supervised pidfile logfile replicaof cluster-enabled syslog-enabled'.split(
    ' ',
  ),
);
const SECRET = /pass|auth$|secret|token/;

/** What of the living server a restart would not bring back, or bring back otherwise. */
export function compareStarts(living: StartState, next: StartState, sources: ConfSources): StartDifference[] {
  return [
    ...userDifferences(living.users, next.users, sources),
    ...moduleDifferences(living.modules, next.modules, sources),
    ...settingDifferences(living, next, sources),
  ];
}

interface AclUser {
  on: boolean;
  nopass: boolean;
  passwords: ReadonlySet<string>;
  rules: string;
}

/** A line of ACL LIST: `user alice on #5e88… ~* &* +@all`. */
function parseUser(line: string): [string, AclUser] {
  const [, name = '', ...words] = line.split(' ');
  // sanitize-payload is how it is where nothing is said; Redis adds the word when it reads its own file.
  const isApart = (word: string) => ['on', 'off', 'nopass', 'sanitize-payload'].includes(word) || word.startsWith('#');
  return [
    name,
    {
      on: words.includes('on'),
      nopass: words.includes('nopass'),
      passwords: new Set(words.filter((word) => word.startsWith('#'))),
      rules: words.filter((word) => !isApart(word)).join(' '),
    },
  ];
}

function userDifferences(
  living: readonly string[] | undefined,
  next: readonly string[] | undefined,
  sources: ConfSources,
): StartDifference[] {
  if (!living || !next) return [];
  const [now, then] = [new Map(living.map(parseUser)), new Map(next.map(parseUser))];
  return [...new Set([...now.keys(), ...then.keys()])].sort().flatMap((name) => {
    const what = userDifference(now.get(name), then.get(name));
    const lockedOut = losesSignIn(now.get(name), then.get(name)) ? { lockedOut: true as const } : {};
    return what === undefined ? [] : [{ kind: 'user' as const, name, what, ...lockedOut, cure: userCure(sources) }];
  });
}

function userDifference(now: AclUser | undefined, then: AclUser | undefined): string | undefined {
  if (!now) return 'not there now, there then';
  if (!then) return 'gone';
  if (now.on !== then.on) return then.on ? 'off now, on then' : 'off then';
  if (now.nopass !== then.nopass) return then.nopass ? 'without a password then' : 'needs a password then';
  if ([...now.passwords].some((one) => !then.passwords.has(one))) return 'its password is another one then';
  if (then.passwords.size > now.passwords.size) return 'has a password then that it does not have now';
  return now.rules === then.rules ? undefined : 'other rights then';
}

const losesSignIn = (now: AclUser | undefined, then: AclUser | undefined): boolean => {
  if (!now?.on || (!now.nopass && now.passwords.size === 0)) return false;
  if (!then?.on) return true;
  return !then.nopass && (now.nopass || [...now.passwords].some((one) => !then.passwords.has(one)));
};

function moduleDifferences(
  living: StartState['modules'],
  next: StartState['modules'],
  { configFile }: ConfSources,
): StartDifference[] {
  if (!living || !next) return [];
  const names = new Set(next.map(({ name }) => name));
  return living
    .filter(({ name }) => !names.has(name))
    .map(({ name }) => ({
      kind: 'module',
      name,
      what: 'not loaded then',
      cure: `add its loadmodule line to ${fileText(configFile)}`,
    }));
}

function settingDifferences(living: StartState, next: StartState, sources: ConfSources): StartDifference[] {
  const [now, then] = [canonical(living.settings), canonical(next.settings)];
  // The password of the default user is one of its users, where those could be asked.
  const known = living.users && next.users ? new Set(['requirepass']) : new Set<string>();
  return [...now.keys()]
    .sort()
    .filter((name) => then.has(name) && !OWN.has(name) && !known.has(name) && !sources.madeAbsolute.has(name))
    .filter((name) => normalized(name, now.get(name)) !== normalized(name, then.get(name)))
    .map((name) => ({
      kind: 'setting' as const,
      name,
      what: SECRET.test(name) ? 'another one then' : `${shown(now.get(name))} now, ${shown(then.get(name))} then`,
      ...(name === 'requirepass' && then.get(name) ? { lockedOut: true as const } : {}),
      cure: settingCure(name, sources),
    }));
}

const ALIASES: readonly [RegExp, string][] = [
  [/slave/g, 'replica'],
  [/ziplist/g, 'listpack'],
  [/^lua-time-limit$/, 'busy-reply-threshold'],
];

/** CONFIG GET * gives many settings twice, under their old names, too. */
function canonical(settings: Readonly<Record<string, string>> = {}): Map<string, string> {
  return new Map(Object.entries(settings).map(([name, value]) => [canonicalName(name), value]));
}

const canonicalName = (name: string): string => ALIASES.reduce((so, [old, now]) => so.replace(old, now), name.toLowerCase());

/** Save points may stand in any order. */
function normalized(name: string, value = ''): string {
  if (name !== 'save') return value;
  return (value.match(/\d+ \d+/g) ?? []).sort().join(' ');
}

const shown = (value = ''): string => (value === '' ? '""' : value.length > 60 ? `${value.slice(0, 60)}…` : value);

const fileText = (configFile: string | undefined) => configFile ?? 'what starts Redis';

export function userCure({ aclfile, configFile, usersIncludedFrom }: ConfSources): string {
  if (aclfile !== undefined) return '`ACL SAVE`';
  if (configFile === undefined) return 'set the users where Redis is started: it has no configuration file';
  return usersIncludedFrom === undefined
    ? '`CONFIG REWRITE`'
    : `change the user lines of ${usersIncludedFrom}; ${harmful(usersIncludedFrom)}`;
}

function settingCure(name: string, { elsewhere, configFile, usersIncludedFrom }: ConfSources): string {
  const from = [...elsewhere].find(([directive]) => canonicalName(directive) === name)?.[1];
  if (from !== undefined) return `set it in ${from}, which CONFIG REWRITE does not change`;
  if (configFile === undefined) return 'set it where Redis is started: it has no configuration file';
  return usersIncludedFrom === undefined ? '`CONFIG REWRITE`' : `set it in ${configFile}; ${harmful(usersIncludedFrom)}`;
}

export const harmful = (file: string): string =>
  `no CONFIG REWRITE: it would copy the user lines of ${file}, and Redis would find each user twice and not start again`;
