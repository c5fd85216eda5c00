import type { LogNeeds } from '../../model/archive/log-needs.ts';
import type { AofManifest, StoredAofFile } from '../../model/backup/aof-manifest.ts';
import { TTL_BOUNDS_SECONDS } from '../../model/backup/census.ts';
import { MANIFEST_FORMAT_VERSION } from '../../model/backup/manifest.ts';
import type { DataClass } from '../../model/data-class.ts';
import { beginsWithRdb, readFilePart } from '../../redis/aof/part.ts';
import { watchNeeds } from '../../redis/log/needs.ts';
import { findRdbEnd } from '../../redis/rdb/find-end.ts';
import { createRdbReader, type RdbReader, readRdbInPassing } from '../../redis/rdb/reader.ts';
import type { AofBackups } from '../../repository/aof-backups.ts';
import type { BackupRef } from '../../repository/layout.ts';

/** One file of a log, as it lies on this machine. */
export type AofFileToStore = Pick<StoredAofFile, 'name' | 'type' | 'seq' | 'startOffset' | 'bytes'> & { path: string };

export interface AofToStore
  extends Pick<AofManifest, 'instance' | 'shard' | 'reason' | 'server' | 'replication' | 'form' | 'redisManifest' | 'takenFrom'> {
  softwareVersion: string;
  takenAtMs: number;
  clockOffsetMs: number;
  files: readonly AofFileToStore[];
}

export interface StoreAofOptions {
  classes: readonly DataClass[];
  /** Commands that the source has renamed: as typed → real name. */
  renamed?: Readonly<Record<string, string>>;
  now(): number;
  level?: number;
  signal?: AbortSignal;
  onProgress?: (doneBytes: number, storedBytes: number) => void;
}

/**
 * Stores the files of a log, counting the keys of its base on the way, and says what its manifest will be. Nobody sees it
 * before that is published. A retry takes another backup id.
 */
export async function storeAof(backups: AofBackups, aof: AofToStore, options: StoreAofOptions): Promise<AofManifest> {
  const { takenAtMs } = aof;
  return backups.withClaim(takenAtMs, (ref) => storeUnder(ref, backups, aof, options));
}

async function storeUnder(ref: BackupRef, backups: AofBackups, aof: AofToStore, options: StoreAofOptions): Promise<AofManifest> {
  const { softwareVersion, takenAtMs, clockOffsetMs, files, ...facts } = aof;
  const stored: StoredAofFile[] = [];
  let base: AofManifest['base'];
  let storeOffsetMs = 0;
  const done = { rawBytes: 0, storedBytes: 0 };
  const needs = watchNeeds(options.renamed);
  for (const file of files) {
    const reader = createRdbReader({ classes: options.classes, takenAtMs: takenAtMs + clockOffsetMs });
    const body = await openFile(file, aof.form, reader, options);
    const { path: _, ...kept } = file;
    const object = await backups.writeFile(ref, kept, behindRdb(body, needs.see), {
      signal: options.signal,
      now: options.now,
      onClock: (offsetMs) => {
        storeOffsetMs = offsetMs;
      },
      ...(options.level === undefined ? {} : { level: options.level }),
      onProgress: ({ rawBytes, storedBytes }) => options.onProgress?.(done.rawBytes + rawBytes, done.storedBytes + storedBytes),
    });
    if (body.rdbBytes > 0) {
      const { facts: rdb, census } = reader.end();
      base = { rdb, census, ttlBoundsSeconds: [...TTL_BOUNDS_SECONDS] };
    }
    done.rawBytes += file.bytes;
    done.storedBytes += object.bytes;
    stored.push({ ...kept, stored: object });
  }
  return {
    formatVersion: MANIFEST_FORMAT_VERSION,
    kind: 'aof',
    ...facts,
    ...ref,
    software: { name: 'redis-backup', version: softwareVersion },
    times: {
      takenAt: new Date(takenAtMs).toISOString(),
      clockOffsetMs,
      storeOffsetMs,
      finishedAt: new Date(options.now()).toISOString(),
    },
    ...(base ? { base } : {}),
    ...withNeeds(needs.end()),
    files: stored,
  };
}

const withNeeds = (needs: LogNeeds | undefined): Pick<AofManifest, 'needs'> => (needs ? { needs } : {});

/** Shows the commands of a file to whoever wants to see them. */
async function* behindRdb({ bytes, rdbBytes }: OpenFile, see: (piece: Buffer) => void): AsyncGenerator<Buffer> {
  let skip = rdbBytes;
  for await (const chunk of bytes) {
    if (skip < chunk.length) see(skip > 0 ? chunk.subarray(skip) : chunk);
    skip = Math.max(0, skip - chunk.length);
    yield chunk;
  }
}

interface OpenFile {
  bytes: AsyncIterable<Buffer>;
  /** Of the RDB that it begins with; 0: none. */
  rdbBytes: number;
}

/** The RDB of a base is read as it passes; one that has commands behind it in the same file, once more before. */
async function openFile(
  { path, type, bytes }: AofFileToStore,
  form: AofManifest['form'],
  reader: RdbReader,
  { signal }: StoreAofOptions,
): Promise<OpenFile> {
  const whole = readFilePart(path, 0, bytes, { signal });
  if (type !== 'base' || !(await beginsWithRdb(path))) return { bytes: whole, rdbBytes: 0 };
  if (form === 'multi-part') return { bytes: readRdbInPassing(whole, reader), rdbBytes: bytes };
  const end = (await findRdbEnd(readFilePart(path, 0, bytes, { signal }))) ?? bytes; // not found: the reader says why
  for await (const chunk of readFilePart(path, 0, end, { signal })) reader.write(chunk);
  reader.end();
  return { bytes: whole, rdbBytes: end };
}
