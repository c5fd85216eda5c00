/**
 * Which commands may stand in a replication stream or an append-only file and be executed again. Redis executes whatever
 * stands there, with all rights, so everything that is not named here is foreign. A sub-command is part of the name.
 * From COMMAND of Redis 6.2, 7.0 and 8.2 (a test asks them), and for newer ones and Valkey from their documentation. Several
 * never come as they were typed: Redis propagates SETEX as SET, BLPOP as LPOP, SPOP as SREM. They are known all the same.
 */
const TABLE = {
  transactions: 'SELECT MULTI EXEC DISCARD',
  generic:
    'COPY DEL DELEX DELIFEQ EXPIRE EXPIREAT MOVE PERSIST PEXPIRE PEXPIREAT RENAME RENAMENX RESTORE RESTORE-ASKING SORT UNLINK',
  server: 'FLUSHALL FLUSHDB SWAPDB',
  string:
    'APPEND DECR DECRBY GETDEL GETEX GETSET INCR INCRBY INCRBYFLOAT INCREX MSET MSETEX MSETNX PSETEX SET SETEX SETNX SETRANGE',
  bitmap: 'BITFIELD BITOP SETBIT',
  hash: 'HDEL HGETDEL HGETEX HINCRBY HINCRBYFLOAT HMSET HSET HSETEX HSETNX',
  hashExpiry: 'HEXPIRE HEXPIREAT HPERSIST HPEXPIRE HPEXPIREAT',
  list: 'LINSERT LMOVE LMOVEM LMPOP LPOP LPUSH LPUSHX LREM LSET LTRIM RPOP RPOPLPUSH RPUSH RPUSHX',
  listBlocking: 'BLMOVE BLMOVEM BLMPOP BLPOP BRPOP BRPOPLPUSH',
  set: 'SADD SDIFFSTORE SINTERSTORE SMOVE SPOP SREM SUNIONSTORE',
  sortedSet:
    'ZADD ZDIFFSTORE ZINCRBY ZINTERSTORE ZMPOP ZPOPMAX ZPOPMIN ZRANGESTORE ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE',
  sortedSetMore: 'BZMPOP BZPOPMAX BZPOPMIN ZUNIONSTORE',
  streams: 'XACK XACKDEL XADD XAUTOCLAIM XCFGSET XCLAIM XDEL XDELEX XNACK XREADGROUP XSETID XTRIM',
  geo: 'GEOADD GEORADIUS GEORADIUSBYMEMBER GEOSEARCHSTORE',
  hyperLogLog: 'PFADD PFCOUNT PFDEBUG PFMERGE', // PFCOUNT keeps its result in the value, and so it is propagated
  vectorSet: 'VADD VREM VSETATTR',
  array: 'ARDEL ARDELRANGE ARINSERT ARMSET ARRING ARSEEK ARSET',
};

/** Commands of which only these sub-commands write data. */
const SUBCOMMANDS = {
  // They define code and run none of it, but for the body of a library: that has 500 ms (redis src/function_lua.c).
  FUNCTION: 'DELETE FLUSH LOAD RESTORE',
  XGROUP: 'CREATE CREATECONSUMER DELCONSUMER DESTROY SETID',
  HIMPORT: 'DISCARD DISCARDALL PREPARE SET',
};

/**
 * Change no data: links are kept alive with them, messages go to whoever listens, and Redis 6.2 tells its replicas which scripts
 * it knows, of which none is run here. Left out of a replay.
 */
const HARMLESS: ReadonlySet<string> = new Set(['PING', 'PUBLISH', 'REPLCONF', 'SCRIPT FLUSH', 'SCRIPT LOAD', 'SPUBLISH']);

/** Change the server and not its data, run code, or reach others. No list of allowed commands lets these pass. */
const NEVER: ReadonlySet<string> = new Set(
  (
    'ACL AUTH BACKUP BGREWRITEAOF BGSAVE CLIENT CLUSTER CONFIG DEBUG EVAL EVALSHA EVALSHA_RO EVAL_RO FAILOVER FCALL FCALL_RO ' +
    'MIGRATE MODULE MONITOR PSYNC REPLICAOF ' +
    'SAVE SHUTDOWN SLAVEOF SYNC'
  ).split(' '),
);

/** Their name alone does not say what they do. */
export const CONTAINERS: ReadonlySet<string> = new Set([...Object.keys(SUBCOMMANDS), 'SCRIPT']);

const words = (text: string): string[] => text.split(' ');

/** By name in capitals, with the sub-command: `SET`, `XGROUP CREATE`. */
export const WRITE_COMMANDS: ReadonlySet<string> = new Set([
  ...Object.values(TABLE).flatMap(words),
  ...Object.entries(SUBCOMMANDS).flatMap(([name, list]) => words(list).map((second) => `${name} ${second}`)),
]);

/** `replay`: a write. `drop`: nothing to replay. `foreign`: never to be executed. */
export type CommandVerdict = 'replay' | 'drop' | 'foreign';

/**
 * @param name - in capitals, with the sub-command, as `LoggedCommand.name` is
 * @param allowed - names of module commands that were said to be writes, in capitals
 */
export function verdictOf(name: string, allowed?: ReadonlySet<string>): CommandVerdict {
  if (WRITE_COMMANDS.has(name) || (allowed?.has(name) && !NEVER.has(name))) return 'replay';
  return HARMLESS.has(name) ? 'drop' : 'foreign';
}

/** First words of all that a log may have, as `COMMAND INFO` takes them. */
export const LOGGED_NAMES: readonly string[] = [...new Set([...WRITE_COMMANDS].map((name) => name.split(' ')[0] ?? ''))];

/** Those that a Redis 6.2 does not have: a server that lacks another one has been told to (`rename-command`). */
export const isNewerThan62 = (name: string): boolean => NEWER.has(name);
const NEWER: ReadonlySet<string> = new Set(
  (
    'ARDEL ARDELRANGE ARINSERT ARMSET ARRING ARSEEK ARSET BLMOVEM BLMPOP BZMPOP DELEX DELIFEQ FUNCTION HEXPIRE HEXPIREAT HGETDEL ' +
    'HGETEX HIMPORT HPERSIST HPEXPIRE HPEXPIREAT HSETEX INCREX LMOVEM LMPOP MSETEX VADD VREM VSETATTR XACKDEL XCFGSET XDELEX ' +
    'XNACK ZMPOP'
  ).split(' '),
);
