/** The commands that each operation cannot do without, by their real names. */
export const NEEDED_COMMANDS = {
  'backups by replication': ['INFO', 'REPLCONF', 'PSYNC'],
  'backups by bgsave': ['INFO', 'BGSAVE'],
  'backups with uncompressedFork': ['CONFIG'],
  'copies of the append-only log': ['INFO', 'CONFIG'],
  'the continuous log': ['INFO', 'REPLCONF', 'PSYNC'],
  'the watcher': ['INFO', 'PING'],
  'restores (replace)': ['INFO', 'PING'],
  'restores (live)': ['INFO', 'PING', 'CONFIG', 'REPLICAOF', 'BGSAVE'],
  'restores of some data classes': ['INFO', 'PING', 'SELECT', 'SCAN', 'RESTORE', 'MEMORY'],
  recoveries: ['INFO', 'PING', 'SET', 'GET', 'DEL'],
  'recoveries over a replica': ['REPLICAOF'],
  'finding applications among the clients': ['CLIENT'],
  'check --apply': ['CONFIG'],
} as const satisfies Record<string, readonly string[]>;

export type NeedyOperation = keyof typeof NEEDED_COMMANDS;

/** What is asked for facts, or has another way: without it something is not known, or is done otherwise. */
export const USEFUL_COMMANDS = {
  AUTH: 'nobody can sign in',
  CONFIG: 'settings are those of redis.conf where it is at hand, else not known',
  TIME: "the clock is INFO's",
  MODULE: "modules are INFO's",
  SELECT: 'keys are not counted by data class',
  SCAN: 'keys are not counted by data class',
  SHUTDOWN: 'Redis is ended by a signal, and made to save before by SAVE, a save point (CONFIG) or BGSAVE',
  SAVE: 'where a signal is to end Redis, it is made to save by a save point (CONFIG) or BGSAVE',
  PUBSUB: 'whether Sentinel watches it is not known',
  MIGRATE: 'whether Redis reaches the worker is not tried before a live restore',
  COMMAND: 'which commands are there is not known',
  ACL: 'what a start does to its users, and the rights of the user, are not known',
  FUNCTION: 'functions that block it are not ended',
  SCRIPT: 'scripts that block it are not ended',
  SETRANGE: 'whether it takes writes is taken from INFO',
  MEMORY: 'sizes of keys are not known',
} as const satisfies Record<string, string>;

/**
 * Under another name Redis takes PSYNC for SYNC, and answers in a way that nobody can go on with; its replicas do not know it
 * at all.
 * @see redis 7.0.15 src/replication.c, syncCommand
 */
export const NEVER_RENAMED = 'PSYNC';

/** Every command that is ever sent to a Redis of somebody. */
export const SENT_COMMANDS: readonly string[] = [
  ...new Set<string>([...Object.values(NEEDED_COMMANDS).flat(), ...Object.keys(USEFUL_COMMANDS)]),
].sort();
