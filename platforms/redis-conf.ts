import { glob, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { RecoveryError } from '../model/errors.ts';
import { quoteArg, splitArgs } from '../model/split-args.ts';
import { checkLayout } from './data-layout.ts';
import type { DataLayout, RenamedCommand } from './platform.ts';

/** What redis.conf and the command line say, as far as we need it. Paths are absolute. */
export interface RedisConf extends DataLayout {
  /** 0: no plain TCP. */
  port: number;
  tlsPort: number;
  /** Absent: it listens on no Unix socket. */
  unixsocket?: string;
  daemonize: boolean;
  /** Absent when Redis logs to its standard output. */
  logfile?: string;
  pidfile?: string;
  databases: number;
  /** Of all `save` lines, as CONFIG GET says it; empty for none. Absent: Redis' own. */
  savePoints?: string;
  /** By real name, in capitals. */
  renamed: Record<string, RenamedCommand>;
  /** Every directive, by its name in lower case, as it is set last. */
  directives: ReadonlyMap<string, Directive>;
  /** Files that have `user` lines. */
  usersIn: ReadonlySet<string>;
  /** The path of each `loadmodule`, as it stands there. */
  modulePaths: readonly string[];
  /** See `Control.loadDirectives`. */
  loadDirectives: [string, ...string[]][];
}

export interface Directive {
  values: readonly string[];
  /** The file, or `the command line`. */
  from: string;
}

/** Where configuration files are read. */
export interface ConfFiles {
  /** The bytes of a file as latin1. Throws whatever says that it cannot be read. */
  read(path: string): Promise<string>;
  /** What a pattern of `include` matches, in any order. */
  match(pattern: string): Promise<string[]>;
}

/** Those of this machine. */
const onThisMachine: ConfFiles = {
  read: (file) =>
    readFile(file, 'latin1').catch((error: NodeJS.ErrnoException) => {
      throw new RecoveryError(
        'CONFIG_INVALID',
        `cannot read the configuration of Redis, ${file}: ${error.code ?? 'unreadable'}`,
        { next: 'Name the right configFile, and let the user of the worker read it.', cause: error },
      );
    }),
  async match(pattern) {
    const found: string[] = [];
    for await (const match of glob(pattern)) found.push(match);
    return found;
  },
};

interface Reading {
  files: ConfFiles;
  /** Redis changes into `dir` as soon as it reads it, so later relative paths start there. */
  cwd: string;
  directives: Map<string, Directive>;
  renamed: Map<string, RenamedCommand>;
  usersIn: Set<string>;
  savePoints?: string[];
  modulePaths: string[];
  loadDirectives: [string, ...string[]][];
}

const bytesOf = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
const textOf = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8');

const LOADING = new Set(['databases', 'loadmodule']);
const MAX_INCLUDES = 16;
/** What the arguments of Redis are called in messages. */
const COMMAND_LINE = 'the command line';

/**
 * Reads the configuration that a starting Redis would have: its file with includes, then its command line; the last wins.
 * Messages name file and line, never the line's text: it may be a password.
 * @param cwd - the directory that Redis is started in; a relative `dir` counts from it
 * @param overrides - arguments after the configuration file, such as `--dir /data --appendonly yes`
 * @param files - default: those of this machine
 * @throws RecoveryError `CONFIG_INVALID` when a file cannot be read or understood
 * @see redis 7.0.15 src/server.c main() and src/config.c loadServerConfigFromString
 */
export async function readRedisConf(
  configFile: string | undefined,
  { cwd, overrides = [], files = onThisMachine }: { cwd: string; overrides?: readonly string[]; files?: ConfFiles },
): Promise<RedisConf> {
  const reading: Reading = {
    files,
    cwd: resolve(cwd),
    directives: new Map(),
    renamed: new Map(),
    usersIn: new Set(),
    modulePaths: [],
    loadDirectives: [],
  };
  if (configFile !== undefined) await readFileInto(reading, resolve(reading.cwd, configFile), 0);
  await readText(reading, bytesOf(optionsAsText(overrides)), COMMAND_LINE, 0);
  return confOf(reading);
}

/** Splits `redis-server FILE --name value …` into the file and the rest; the command may be wrapped, as in `sudo -u redis`. */
export function splitCommand(command: readonly string[]): { configFile?: string; overrides: string[] } {
  const server = command.findIndex((word) => /(?:^|\/)(?:redis|valkey)-server[^/]*$/.test(word));
  if (server < 0) return { overrides: [] }; // a script of their own: they name configFile
  const rest = command.slice(server + 1);
  const [first] = rest;
  if (first === undefined || first.startsWith('-')) return { overrides: rest };
  return { configFile: first, overrides: rest.slice(1) };
}

/** As Redis does it: each `--name` begins a line, what follows are its quoted values. */
export function optionsAsText(words: readonly string[]): string {
  let text = '';
  for (const word of words) {
    if (word.startsWith('--')) text += `\n${word.slice(2)}`;
    else if (word !== '-') text += ` ${quoteArg(word)}`;
  }
  return text;
}

async function readFileInto(reading: Reading, file: string, depth: number): Promise<void> {
  await readText(reading, await reading.files.read(file), file, depth);
}

async function readText(reading: Reading, text: string, from: string, depth: number): Promise<void> {
  for (const [index, line] of text.split('\n').entries()) {
    const trimmed = line.replace(/^[ \t\r]+/, '');
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const words = splitArgs(trimmed)?.map(textOf);
    if (!words) throw unusable(from, index + 1, 'has unbalanced quotes');
    const [directive = '', ...values] = words;
    if (directive.toLowerCase() === 'rename-command')
      rename(reading, values, from === COMMAND_LINE ? from : `line ${index + 1} of ${from}`);
    else if (directive.toLowerCase() !== 'include') apply(reading, directive.toLowerCase(), values, from);
    else
      for (const included of await includes(reading, values, from, index + 1, depth))
        await readFileInto(reading, included, depth + 1);
  }
}

function apply(reading: Reading, directive: string, values: string[], from: string): void {
  const [value] = values;
  if (value === undefined) return;
  if (LOADING.has(directive)) reading.loadDirectives.push([directive, ...values]);
  if (directive === 'dir') reading.cwd = resolve(reading.cwd, value);
  else if (directive === 'save') reading.savePoints = value === '' ? [] : [...(reading.savePoints ?? []), ...values];
  else if (directive === 'user') reading.usersIn.add(from);
  else if (directive === 'loadmodule') reading.modulePaths.push(value);
  reading.directives.set(directive, { values, from });
}

/** Line by line, as Redis does it: a name that was given before may be given another. */
function rename({ renamed, loadDirectives }: Reading, [from = '', name]: string[], by: string): void {
  if (name === undefined) return;
  loadDirectives.push(['rename-command', from, name]);
  const upper = from.toUpperCase();
  const known = [...renamed].find(([, one]) => one.name.toUpperCase() === upper);
  renamed.set(known?.[0] ?? upper, { name, by });
}

async function includes(reading: Reading, [pattern]: string[], from: string, line: number, depth: number): Promise<string[]> {
  if (pattern === undefined) throw unusable(from, line, 'includes nothing');
  if (depth >= MAX_INCLUDES) throw unusable(from, line, 'includes too deeply, or includes itself');
  const path = resolve(reading.cwd, pattern);
  if (!/[*?[]/.test(pattern)) return [path];
  return (await reading.files.match(path)).sort();
}

function confOf({ cwd, directives, renamed, usersIn, savePoints, modulePaths, loadDirectives }: Reading): RedisConf {
  const value = (name: string) => directives.get(name)?.values[0];
  // The log is opened after all is read, in the final directory; an empty name means standard output.
  const path = (name: string) => (value(name) ? resolve(cwd, value(name) ?? '') : undefined);
  const layout = checkLayout({
    dir: cwd,
    dbfilename: value('dbfilename') ?? 'dump.rdb',
    appendonly: value('appendonly')?.toLowerCase() === 'yes',
    appenddirname: value('appenddirname') ?? 'appendonlydir',
    appendfilename: value('appendfilename') ?? 'appendonly.aof',
  });
  return {
    ...layout,
    port: Number(value('port') ?? 6379),
    tlsPort: Number(value('tls-port') ?? 0),
    unixsocket: path('unixsocket'),
    daemonize: value('daemonize')?.toLowerCase() === 'yes',
    logfile: path('logfile'),
    pidfile: path('pidfile'),
    databases: Number(value('databases') ?? 16),
    ...(savePoints ? { savePoints: savePoints.join(' ') } : {}),
    renamed: Object.fromEntries(renamed),
    directives,
    usersIn,
    modulePaths,
    loadDirectives,
  };
}

export const layoutOf = ({ dir, dbfilename, appendonly, appenddirname, appendfilename }: RedisConf): DataLayout => ({
  dir,
  dbfilename,
  appendonly,
  appenddirname,
  appendfilename,
});

const unusable = (from: string, line: number, what: string) =>
  new RecoveryError('CONFIG_INVALID', `line ${line} of ${from} ${what}`, {
    next: 'Correct the configuration of Redis; Redis itself would not start with it.',
  });
