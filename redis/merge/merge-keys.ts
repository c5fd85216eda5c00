import { type DataClass, OTHER } from '../../model/data-class.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatBytes } from '../../model/format.ts';
import { freeRoom, type Room } from '../../model/merge/free-memory.ts';
import type { Command, RedisClient } from '../client/client.ts';
import { readRoom, readSendLimits, type SendLimits } from '../free-memory.ts';
import { type ClassedKey, scanClasses } from '../keys/scan-classes.ts';
import { type MergeReport, MergeTally } from './report.ts';

export type { MergedClass, MergeReport } from './report.ts';

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
interface Dumped extends ClassedKey {
  payload: Buffer;
  /** What it takes of memory. */
  bytes: number;
  /** Milliseconds since 1970; 0: it has no time to live. */
  expireAtMs: number;
}

const MOST_KEYS = 1000;

/**
 * Brings keys that are missing from one Redis into another that serves meanwhile, with the moment of their expiry. A key that
 * is there already is newer, and stays. Both connections are used for nothing else meanwhile, and end in database 0.
 * It ends before `to` is full, at the first key that `to` evicts, and at the first refusal that would meet every key: the report
 * then says why. Memory: two batches, of about 4 MiB, or of one value where that is larger. Safe to repeat: what was restored is
 * then kept. SCAN may name a key twice while its database shrinks; such a key counts as restored and as kept.
 * @throws RecoveryError when a server cannot be reached or does not serve, or a database does not exist
 */
export async function mergeKeys(options: MergeKeysOptions): Promise<MergeReport> {
  const { from, to, signal, onProgress } = options;
  const tally = new MergeTally([...options.classes.map(({ name }) => name), OTHER]);
  const databases = options.databases ?? (await from.dbsizes()).map(({ db }) => ({ from: db, to: db }));
  const [begun, limits] = await Promise.all([readRoom(to), readSendLimits(to)]);
  try {
    for (const pair of databases) {
      if (tally.stopped !== undefined) break;
      await from.command('SELECT', `${pair.from}`);
      await to.command('SELECT', `${pair.to}`);
      let restoring = Promise.resolve();
      for await (const batch of dumpedBatches(options, limits, tally)) {
        signal?.throwIfAborted();
        await restoring;
        onProgress?.(tally.progress);
        if (tally.stopped !== undefined) break;
        restoring = restore(to, batch, begun, tally); // while the next batch is read
        restoring.catch(() => {}); // awaited by the next one, or behind the loop
      }
      await restoring;
      onProgress?.(tally.progress);
    }
    tally.evicted = (await readRoom(to)).evictedKeys - begun.evictedKeys;
    return tally.report(options.wanted);
  } finally {
    for (const client of [from, to]) await client.command('SELECT', '0').catch(() => {}); // the first error says more
  }
}

async function* dumpedBatches(options: MergeKeysOptions, limits: SendLimits, tally: MergeTally): AsyncGenerator<Dumped[]> {
  const dump = await dumperOf(options.from);
  let most = 32; // small at first: nobody knows yet how large the values are
  for await (const keys of scanClasses(options.from, options)) {
    for (let at = 0; at < keys.length; ) {
      const some = keys.slice(at, at + most);
      at += some.length;
      const dumped = await dump(some);
      tally.countExpired(some.filter((_, index) => dumped[index] === undefined).map(({ index }) => index));
      const there = dumped.filter((one) => one !== undefined);
      const bytes = there.reduce((sum, { payload }) => sum + payload.length, 0);
      most = Math.max(1, Math.min(MOST_KEYS, bytes > limits.batchBytes ? Math.floor(most / 2) : most * 2));
      const sendable = there.filter(({ payload }) => payload.length < limits.valueBytes);
      for (const { index, payload } of there.filter((one) => !sendable.includes(one))) tally.countTooLarge(index, payload);
      if (sendable.length > 0) yield sendable;
    }
  }
}

/** DUMP and the moment of expiry of each key; undefined for one that has expired since it was seen. */
async function dumperOf(from: RedisClient): Promise<(keys: readonly ClassedKey[]) => Promise<(Dumped | undefined)[]>> {
  const version = (await from.info('server')).get('redis_version') ?? '';
  const knowsMoments = Number.parseInt(version, 10) >= 7;
  return async (keys) => {
    const commands: Command[] = [['TIME']];
    for (const { key } of keys)
      commands.push([knowsMoments ? 'PEXPIRETIME' : 'PTTL', key], ['DUMP', key], ['MEMORY', 'USAGE', key]);
    const [time, ...replies] = (await from.batch(commands)).map(orThrow);
    const nowMs = knowsMoments ? 0 : msOf(time);
    return keys.map((named, at) => {
      const [left, payload, bytes] = replies.slice(3 * at, 3 * at + 3) as [number, Buffer | null, number | null];
      if (payload === null || left === -2) return undefined;
      return { ...named, payload, bytes: bytes ?? payload.length, expireAtMs: left < 0 ? 0 : nowMs + left };
    });
  };
}

async function restore(to: RedisClient, batch: readonly Dumped[], begun: Room, tally: MergeTally): Promise<void> {
  tally.stopped = whyStop(await readRoom(to), begun, batch);
  if (tally.stopped !== undefined) return;
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
    else {
      tally.countFailed(index, reply, payload);
      if (MEETS_EVERY_KEY.test(reply.message)) tally.stopped ??= reply.message;
    }
  }
}

/** Refusals that are of the server and not of the key: each further try would be one more of them. */
const MEETS_EVERY_KEY = /\b(?:OOM|MISCONF|READONLY|NOREPLICAS)\b/;

function whyStop(room: Room, begun: Room, batch: readonly Dumped[]): string | undefined {
  if (room.evictedKeys > begun.evictedKeys) return `Redis has begun to evict keys (${room.policy})`;
  const needed = batch.reduce((sum, { payload, bytes }) => sum + payload.length + bytes, 0);
  return needed > freeRoom(room) ? `Redis is full but for a margin: maxmemory is ${formatBytes(room.maxmemoryBytes)}` : undefined;
}

const msOf = (time: unknown): number => {
  const [seconds, micros] = time as [Buffer, Buffer];
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
};

function orThrow(reply: unknown): unknown {
  if (reply instanceof RecoveryError) throw reply;
  return reply;
}
