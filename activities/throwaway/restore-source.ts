import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { joinedNeeds, type LogNeeds } from '../../model/archive/log-needs.ts';
import type { AofManifest } from '../../model/backup/aof-manifest.ts';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { RecoveryError } from '../../model/errors.ts';
import type { AppendForm, PlannedLog } from '../../model/restore/plan/plan.ts';
import { writeMultiPartFromRdb } from '../../redis/aof/directory.ts';
import { shiftExpiries } from '../../redis/log/shift-expiries.ts';
import { createRdbReader, readRdbInPassing } from '../../redis/rdb/reader.ts';
import { shiftRdbExpiries } from '../../redis/rdb/shift-expiries.ts';
import type { Archive } from '../../repository/archive/archive.ts';
import type { Repository } from '../../repository/repository.ts';
import { openAofBase, openAofLog } from '../restore/aof-source.ts';
import { refuseUnlike } from '../restore/compare-backup.ts';
import { type LogCommands, type ReplayOptions, replayedRanges } from '../restore/replay-log.ts';

/** What a throw-away Redis begins with: a backup, and the log that is replayed over it. */
export interface RestoreSource {
  manifest: SnapshotManifest;
  log?: PlannedLog;
  /** Both are those of this copy of a server's own log. */
  copied?: AofManifest;
}

/** Where it comes from. */
export interface RestoreSourceOptions {
  repository: Repository;
  archive: Archive;
  commands?: LogCommands;
}

export interface FetchOptions {
  form: AppendForm;
  /** Added to every moment of expiry. Default 0: as they are. */
  shiftMs?: number;
  signal?: AbortSignal;
  onProgress?: (stage: 'download' | 'download the log', doneBytes: number, totalBytes: number) => void;
}

/** Redis' own defaults. */
const NAMES = { appenddirname: 'appendonlydir', appendfilename: 'appendonly.aof' } as const;

/**
 * Downloads a backup and its log into a directory, verified, as what a Redis with `appendonly yes` begins with.
 * @returns what the log asks of the Redis that executes it
 * @param directory - exists, of the caller's own; what a failure leaves there is no log that a Redis would load
 * @throws RecoveryError `TARGET_DISK_FULL`; those of the repository, the RDB and the log
 */
export async function fetchRestoreSource(
  source: RestoreSourceOptions,
  restoreSource: RestoreSource,
  directory: string,
  options: FetchOptions,
): Promise<LogNeeds> {
  const { signal, form } = options;
  const at = (name: string) => join(directory, name);
  const write = (name: string, body: AsyncIterable<Buffer>) =>
    pipeline(body, createWriteStream(at(name), { flags: 'wx', mode: 0o600, highWaterMark: 1 << 20 }), { signal }).catch(
      (error) => {
        throw translated(error, directory);
      },
    );
  const rdb = openBase(source, restoreSource, options);
  const needs: LogNeeds[] = [];
  const log = openLog(source, restoreSource, { ...options, onNeeds: (one) => needs.push(one) });
  if (form === 'single-file') {
    // Before Redis 7 the log is one file, which may begin with an RDB.
    await write('log.partial', joined(rdb, log));
    await rename(at('log.partial'), at(NAMES.appendfilename));
    return joinedNeeds(needs);
  }
  await write('base.partial', rdb);
  if (log) await write('log.partial', log);
  await writeMultiPartFromRdb(directory, {
    ...NAMES,
    rdbPath: at('base.partial'),
    ...(log ? { logPath: at('log.partial') } : {}),
  });
  return joinedNeeds(needs);
}

function openBase(
  { repository }: RestoreSourceOptions,
  { manifest, copied }: RestoreSource,
  { signal, shiftMs = 0, onProgress }: FetchOptions,
): AsyncIterable<Buffer> {
  const reader = createRdbReader({ classes: [], takenAtMs: manifest.census.takenAtMs });
  const stored = copied
    ? openAofBase(repository.aof(copied), copied, signal)
    : repository.snapshots(manifest).open(manifest, { signal });
  const counted = counting(stored, (done) => onProgress?.('download', done, manifest.rdb.bytes));
  const rdb = comparing(readRdbInPassing(counted, reader), () => refuseUnlike(manifest, reader.end()));
  return shiftMs === 0 ? rdb : shiftRdbExpiries(rdb, shiftMs);
}

async function* comparing(rdb: AsyncIterable<Buffer>, atEnd: () => void): AsyncGenerator<Buffer> {
  yield* rdb;
  atEnd();
}

function openLog(
  { repository, archive, commands = {} }: RestoreSourceOptions,
  { log, copied }: RestoreSource,
  { signal, shiftMs = 0, onProgress, onNeeds }: FetchOptions & Pick<ReplayOptions, 'onNeeds'>,
): AsyncIterable<Buffer> | undefined {
  if (!log) return undefined;
  const options = { signal, onNeeds };
  const stream = copied
    ? openAofLog(repository.aof(copied), copied, commands, options)
    : replayedRanges(archive, log.ranges, commands, options);
  const counted = counting(stream, (done) => onProgress?.('download the log', done, log.bytes));
  return shiftMs === 0 ? counted : shiftExpiries(counted, shiftMs);
}

async function* counting(stream: AsyncIterable<Buffer>, tell: (bytes: number) => void): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    tell(bytes);
    yield chunk;
  }
}

async function* joined(...streams: (AsyncIterable<Buffer> | undefined)[]): AsyncGenerator<Buffer> {
  for (const stream of streams) if (stream) yield* stream;
}

function translated(error: unknown, directory: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new RecoveryError('TARGET_DISK_FULL', `no space left for ${directory}`, {
    next: 'Free space on that disk, or use another directory.',
    cause: error,
  });
}
