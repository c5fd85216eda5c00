import { randomBytes } from 'node:crypto';
import { access, constants, link, open, readdir, stat, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import type { RedisClient } from '../client/client.ts';
import { describeConnection } from '../client/connection.ts';
import type { RedisInfo } from '../client/info.ts';
import { rdbCreationSeconds } from '../rdb/ctime.ts';
import { requireLink } from '../roles.ts';
import { pollInfo, runningChild } from './children.ts';

export interface SaveOptions {
  signal?: AbortSignal;
  /** Told what is waited for, several times a second. */
  onProgress?: (state: string) => void;
  /** Default 200. */
  pollMs?: number;
}

export interface TakeBgsaveOptions extends SaveOptions {
  /** Redis' `dir`, as this machine sees it. */
  dir: string;
}

export interface Bgsave {
  /** A hard link of ours to the file: a later save replaces dump.rdb and not this. Remove it after reading, or `release`. */
  path: string;
  /** About the time of the fork, by our own clock, milliseconds since 1970. */
  savedAtMs: number;
  /** Removes the link. May be called again. */
  release(): Promise<void>;
}

const OURS = /^redis-backup-(\d+)-[0-9a-f]{8}\.rdb$/;
const DAY_MS = 24 * 3600 * 1000;
/** Clocks of file systems and servers are not the same to the millisecond. */
const TOLERANCE_MS = 2000;

/**
 * Lets Redis write its dump.rdb, and holds that file for reading. Waits for a child that runs already: its file is older
 * than the question. Only a save that was accepted, has ended well and left a file younger than the question counts.
 * @throws RecoveryError `REDIS_NOT_READY` for a replica without its primary; `BGSAVE_FAILED`; `PLATFORM_UNSUPPORTED` when
 *   the directory isn't visible or writable here
 */
export async function takeBgsave(client: RedisClient, options: TakeBgsaveOptions): Promise<Bgsave> {
  await requireLink(client);
  const { dbfilename = 'dump.rdb' } = await client.configGet('dbfilename');
  await prepare(options.dir, client);
  const request = await requestSave(client, options);
  await awaitSave(client, request, options);
  const path = join(options.dir, `redis-backup-${Date.now()}-${randomBytes(4).toString('hex')}.rdb`);
  const source = join(options.dir, basename(dbfilename));
  await link(source, path).catch((error) => {
    throw notOurs(options.dir, client, error);
  });
  const release = () => unlink(path).catch(() => undefined); // gone already is as good
  try {
    return { path, savedAtMs: await checkFresh(path, source, request), release };
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * Lets Redis write its dump.rdb and waits for it, without a look at the file: for a Redis whose disk is out of our sight.
 * @throws RecoveryError `BGSAVE_FAILED`
 */
export async function saveAndWait(client: RedisClient, options: SaveOptions = {}): Promise<void> {
  await awaitSave(client, await requestSave(client, options), options);
}

/** @throws RecoveryError `PLATFORM_UNSUPPORTED` where the directory cannot be used from here */
export async function requireUsableDirectory(dir: string, client: RedisClient): Promise<void> {
  await access(dir, constants.R_OK | constants.W_OK | constants.X_OK).catch((error) => {
    throw notOurs(dir, client, error);
  });
}

/** Looks before anything is asked of Redis, and removes what a worker that died a day ago had linked. */
async function prepare(dir: string, client: RedisClient): Promise<void> {
  await requireUsableDirectory(dir, client);
  try {
    for (const name of await readdir(dir)) {
      const since = Number(OURS.exec(name)?.[1] ?? Number.POSITIVE_INFINITY);
      if (Date.now() - since > DAY_MS) await unlink(join(dir, name));
    }
  } catch (error) {
    throw notOurs(dir, client, error);
  }
}

interface SaveRequest {
  /** `rdb_saves` of INFO; absent before 7.0. */
  savesBefore?: number;
  /** By the server's clock. */
  serverMs: number;
  /** By ours, when the save had begun. */
  ownMs: number;
}

async function requestSave(client: RedisClient, options: SaveOptions): Promise<SaveRequest> {
  for (;;) {
    const before = await pollInfo(client, (info) => runningChild(info) === undefined, {
      ...options,
      onProgress: (info) => options.onProgress?.(`waiting for ${runningChild(info) ?? 'nothing'} to end`),
    });
    const serverMs = await client.time();
    try {
      const answer = String(await client.command('BGSAVE'));
      if (!/started|scheduled/i.test(answer)) throw failed(client, `it answered "${answer}"`);
      return { savesBefore: before.number('rdb_saves'), serverMs, ownMs: Date.now() };
    } catch (error) {
      // A save point or an AOF rewrite was faster: theirs first, then ours.
      const isBusy = error instanceof RecoveryError && /already in progress|child process is active/i.test(error.message);
      if (!isBusy) throw error;
    }
  }
}

async function awaitSave(client: RedisClient, request: SaveRequest, options: SaveOptions): Promise<void> {
  // A restart in between isn't missed: it ends our connection.
  const info = await pollInfo(client, (now) => hasAdvanced(now, request) || !now.flag('rdb_bgsave_in_progress'), {
    ...options,
    onProgress: (now) => options.onProgress?.(describeSave(now)),
  });
  if (info.get('rdb_last_bgsave_status') !== 'ok') throw failed(client, 'its child failed');
  if (!hasAdvanced(info, request)) throw failed(client, 'it accepted BGSAVE, and no save came of it');
}

/** `rdb_saves` is there since 7.0; the time alone, in seconds, is what 6.2 tells. */
function hasAdvanced(info: RedisInfo, { savesBefore, serverMs }: SaveRequest): boolean {
  const saves = info.number('rdb_saves');
  const isCounted = saves === undefined || savesBefore === undefined || saves > savesBefore;
  return (
    isCounted && (info.number('rdb_last_save_time') ?? 0) >= Math.floor(serverMs / 1000) && !info.flag('rdb_bgsave_in_progress')
  );
}

function describeSave(info: RedisInfo): string {
  const processed = info.number('current_save_keys_processed');
  const total = info.number('current_save_keys_total');
  return total ? `Redis has saved ${processed ?? 0} of ${total} keys` : 'Redis is saving';
}

/**
 * That the file is the one asked for: where the worker sees another directory of the same name, it is an old one, or another's.
 * @returns about the time of its fork, by our clock
 */
async function checkFresh(path: string, source: string, { serverMs, ownMs }: SaveRequest): Promise<number> {
  const seconds = await creationSeconds(path);
  const ms = seconds === undefined ? (await stat(path)).mtimeMs + TOLERANCE_MS : seconds * 1000;
  if (ms < Math.floor(serverMs / 1000) * 1000) {
    throw new RecoveryError('BGSAVE_FAILED', `${source} is older than the BGSAVE that should have written it`, {
      next: "Check that the worker's directory is the one of this Redis (`CONFIG GET dir`), or back up over replication.",
    });
  }
  return ownMs + Math.max(0, ms - serverMs); // later than ours: a save point has replaced it since, which is as good
}

async function creationSeconds(path: string): Promise<number | undefined> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
    return rdbCreationSeconds(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

const failed = (client: RedisClient, why: string): RecoveryError =>
  new RecoveryError('BGSAVE_FAILED', `${describeConnection(client.connection)} did not save: ${why}`, {
    next: 'Look into the log of Redis: disk space, permissions of its directory, memory for a fork.',
  });

const notOurs = (dir: string, client: RedisClient, cause: unknown): RecoveryError =>
  new RecoveryError(
    'PLATFORM_UNSUPPORTED',
    `the directory ${dir} of ${describeConnection(client.connection)} cannot be used from here: ${messageOf(cause)}`,
    { next: "Run a worker on its machine as Redis' user, or use method `replication`, which needs no files.", cause },
  );
