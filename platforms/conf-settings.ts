import type { RedisConf } from './redis-conf.ts';

/** Redis' own defaults of what redis.conf need not say. @see redis 7.0.15 src/config.c */
const DEFAULTS: Readonly<Record<string, string>> = {
  appendonly: 'no',
  appendfsync: 'everysec',
  'aof-load-truncated': 'yes',
  rdbcompression: 'yes',
  rdbchecksum: 'yes',
  'maxmemory-policy': 'noeviction',
  'repl-ping-replica-period': '10',
  'min-replicas-to-write': '0',
  'tls-replication': 'no',
};
const BYTES: Readonly<Record<string, string>> = { maxmemory: '0', 'repl-backlog-size': '1048576' };
const OLD_NAMES: Readonly<Record<string, string>> = {
  'repl-ping-replica-period': 'repl-ping-slave-period',
  'min-replicas-to-write': 'min-slaves-to-write',
};
const SAVE_BY_DEFAULT = '3600 1 300 100 60 10000';
const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1e3, kb: 1024, m: 1e6, mb: 1024 ** 2, g: 1e9, gb: 1024 ** 3 };

/** What redis.conf says, as CONFIG GET would answer right after a start: those settings that we ask for, and no secret. */
export function settingsOf(conf: RedisConf): Record<string, string> {
  const said = (name: string): string | undefined =>
    (conf.directives.get(name) ?? conf.directives.get(OLD_NAMES[name] ?? ''))?.values[0]?.toLowerCase();
  return {
    ...Object.fromEntries(Object.entries(DEFAULTS).map(([name, byDefault]) => [name, said(name) ?? byDefault])),
    ...Object.fromEntries(Object.entries(BYTES).map(([name, byDefault]) => [name, bytesOf(said(name)) ?? byDefault])),
    save: conf.savePoints ?? SAVE_BY_DEFAULT,
    databases: String(conf.databases),
    dir: conf.dir,
    dbfilename: conf.dbfilename,
    appenddirname: conf.appenddirname,
    appendfilename: conf.appendfilename,
  };
}

function bytesOf(text = ''): string | undefined {
  const [, digits, unit = ''] = /^(\d+)([a-z]*)$/.exec(text) ?? [];
  const factor = UNITS[unit];
  return digits === undefined || factor === undefined ? undefined : String(Number(digits) * factor);
}
