import { type DataClass, OTHER } from '../model/data-class.ts';
import { RecoveryError } from '../model/errors.ts';
import type { Command, RedisClient } from './client.ts';
import { type MergeReport, MergeTally } from './merge-report.ts';
import { KeyClasses } from './rdb/key-classes.ts';

export type { MergedClass, MergeReport } from './merge-report.ts';

export interface MergeKeysOptions {
  /** Where the keys are, such as a throw-away Redis. Nothing in it changes. */
  from: RedisClient;
  /** Where they are missing. Keys that it has are never replaced. */
  to: RedisClient;
  /** All that are configured: a key belongs to the first whose pattern matches. */
  classes: readonly DataClass[];
  /** Names of the classes that are merged, `other` among them. Default: all keys. */
  wanted?: readonly string[];
  /** Default: each database of `from` that has keys, into the one of the same number. */
  databases?: readonly { from: number; to: number }[];
  signal?: AbortSignal;
  onProgress?: (progress: MergeProgress) => void;
}

export interface MergeProgress {
  /** Keys of the wanted classes that are dealt with. */
  keys: number;
  restored: number;
}

/** A key with its value as DUMP gives it. */
interface Dumped {
  key: Buffer;
  /** Index of its class. */
  index: number;
  payload: Buffer;
  /** Milliseconds since 1970; 0: it has no time to live. */
  expireAtMs: number;
}

const SCAN_COUNT = '1000';
const MOST_KEYS = 1000;
const BATCH_BYTES = 4 * 1024 * 1024;

/**
 * Brings keys that are missing from one Redis into another that serves meanwhile, with the moment of their expiry. A key that
 * is there already is newer, and stays. Both connections are used for nothing else meanwhile, and end in database 0.
 * Where `to` evicts (`maxmemory-policy`), restored keys may push out others: make room first.
 * Memory: two batches, of about 4 MiB, or of one value where that is larger. Safe to repeat: what was restored is then kept.
 * SCAN may name a key twice while its database shrinks; such a key counts as restored and as kept.
 * @throws RecoveryError when a server cannot be reached or does not serve, or a database does not exist
 */
export async function mergeKeys(options: MergeKeysOptions): Promise<MergeReport> {
  const { from, to, signal, onProgress } = options;
  const tally = new MergeTally([...options.classes.map(({ name }) => name), OTHER]);
  const databases = options.databases ?? (await from.dbsizes()).map(({ db }) => ({ from: db, to: db }));
  try {
    for (const pair of databases) {
      await from.command('SELECT', `${pair.from}`);
      await to.command('SELECT', `${pair.to}`);
      let restoring = Promise.resolve();
      for await (const batch of dumpedBatches(options, tally)) {
        signal?.throwIfAborted();
        await restoring;
        onProgress?.(tally.progress);
        restoring = restore(to, batch, tally); // while the next batch is read
        restoring.catch(() => {}); // awaited by the next one, or behind the loop
      }
      await restoring;
      onProgress?.(tally.progress);
    }
    return tally.report(options.wanted);
  } finally {
    for (const client of [from, to]) await client.command('SELECT', '0').catch(() => {}); // the first error says more
  }
}

async function* dumpedBatches(options: MergeKeysOptions, tally: MergeTally): AsyncGenerator<Dumped[]> {
  const dump = await dumperOf(options.from);
  let most = 32; // small at first: nobody knows yet how large the values are
  for await (const keys of scannedKeys(options)) {
    for (let at = 0; at < keys.length; ) {
      const some = keys.slice(at, at + most);
      at += some.length;
      const dumped = await dump(some);
      tally.countExpired(some.filter((_, index) => dumped[index] === undefined).map(({ index }) => index));
      const there = dumped.filter((one) => one !== undefined);
      const bytes = there.reduce((sum, { payload }) => sum + payload.length, 0);
      most = Math.max(1, Math.min(MOST_KEYS, bytes > BATCH_BYTES ? Math.floor(most / 2) : most * 2));
      if (there.length > 0) yield there;
    }
  }
}

type Named = Pick<Dumped, 'key' | 'index'>;

/** The keys of the wanted classes, page by page. */
async function* scannedKeys({ from, classes, wanted, signal }: MergeKeysOptions): AsyncGenerator<Named[]> {
  const known = new KeyClasses(classes);
  const names = [...classes.map(({ name }) => name), OTHER];
  const isWanted = names.map((name) => wanted === undefined || wanted.includes(name));
  const [one, another] = classes.filter((_, index) => isWanted[index]);
  // One class: let Redis leave out the rest. Several patterns would take a scan each.
  const match = one && !another && !isWanted[known.other] ? ['MATCH', one.pattern] : [];
  let cursor = '0';
  do {
    signal?.throwIfAborted();
    const [reply] = await from.batch([['SCAN', cursor, ...match, 'COUNT', SCAN_COUNT]]);
    const [next, keys] = orThrow(reply) as [Buffer, Buffer[]];
    cursor = next.toString();
    const page: Named[] = [];
    for (const key of keys) {
      const here = Math.min(key.length, known.bytesNeeded);
      const index = known.classOf(key, 0, here, here === key.length);
      if (isWanted[index]) page.push({ key, index });
    }
    yield page;
  } while (cursor !== '0');
}

/** DUMP and the moment of expiry of each key; undefined for one that has expired since it was seen. */
async function dumperOf(from: RedisClient): Promise<(keys: readonly Named[]) => Promise<(Dumped | undefined)[]>> {
  const version = (await from.info('server')).get('redis_version') ?? '';
  const knowsMoments = Number.parseInt(version, 10) >= 7;
  return async (keys) => {
    const commands: Command[] = [['TIME']];
    for (const { key } of keys) commands.push([knowsMoments ? 'PEXPIRETIME' : 'PTTL', key], ['DUMP', key]);
    const [time, ...replies] = (await from.batch(commands)).map(orThrow);
    const nowMs = knowsMoments ? 0 : msOf(time);
    return keys.map((named, at) => {
      const left = replies[2 * at] as number;
      const payload = replies[2 * at + 1] as Buffer | null;
      if (payload === null || left === -2) return undefined;
      return { ...named, payload, expireAtMs: left < 0 ? 0 : nowMs + left };
    });
  };
}

async function restore(to: RedisClient, batch: readonly Dumped[], tally: MergeTally): Promise<void> {
  const commands: Command[] = [['TIME']];
  for (const { key, expireAtMs, payload } of batch) commands.push(['RESTORE', key, `${expireAtMs}`, payload, 'ABSTTL']);
  const [time, ...replies] = await to.batch(commands);
  const nowMs = msOf(orThrow(time));
  for (const [at, { index, payload, expireAtMs }] of batch.entries()) {
    const reply = replies[at];
    if (!(reply instanceof RecoveryError)) {
      // Redis answers OK to a moment that has passed, and makes no key.
      if (expireAtMs !== 0 && expireAtMs <= nowMs) tally.countExpired([index]);
      else tally.countRestored(index);
    } else if (/BUSYKEY/.test(reply.message)) tally.countKept(index);
    else if (reply.code === 'REDIS_NOT_READY') throw reply;
    else tally.countFailed(index, reply, payload);
  }
}

const msOf = (time: unknown): number => {
  const [seconds, micros] = time as [Buffer, Buffer];
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
};

function orThrow(reply: unknown): unknown {
  if (reply instanceof RecoveryError) throw reply;
  return reply;
}
