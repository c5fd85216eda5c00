import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type AofFileToStore, storeAof } from '../../activities/backup/store-aof.ts';
import type { InstanceShard } from '../../config/config.ts';
import type { AofManifest } from '../../model/backup/aof-manifest.ts';
import { TTL_BOUNDS_SECONDS } from '../../model/backup/census.ts';
import { MANIFEST_FORMAT_VERSION, type SnapshotManifest } from '../../model/backup/manifest.ts';
import type { ShardRef } from '../../model/shard.ts';
import { formatAofManifest } from '../../redis/aof/manifest.ts';
import { readFilePart } from '../../redis/aof/part.ts';
import { type AofSource, openAsLog, readAofSource } from '../../redis/aof/source.ts';
import { FILE_BEGIN } from '../../redis/log/needs.ts';
import { replayable } from '../../redis/log/replayable.ts';
import { createRdbReader, type RdbReading, readRdbInPassing } from '../../redis/rdb/reader.ts';
import type { Repository } from '../../repository/repository.ts';
import { guessedServer } from './facts.ts';

export interface ImportDeps {
  repository: Repository;
  instance: InstanceShard;
  softwareVersion: string;
  now(): number;
  signal: AbortSignal;
  onProgress(stage: 'check' | 'store', doneBytes: number): void;
  /** See `readAofSource`. */
  upToDamage?: boolean;
  /** All of it was read, and nothing is stored yet. */
  onRead(): Promise<void>;
}

export type Imported =
  | { kind: 'snapshot'; manifest: SnapshotManifest; cutBytes: 0 }
  | { kind: 'aof'; manifest: AofManifest; cutBytes: number };

/** So that retention does not take at once for old what was brought in on purpose. */
const PINNED_FOR_MS = 30 * 24 * 3600 * 1000;
const UNKNOWN_PLACE = { replid: '', offset: 0 } as const;

/**
 * Stores data that somebody has in hand, after all of it has been read and every command of it is known.
 * @throws RecoveryError what `readAofSource` and `replayable` throw: nothing is stored then
 */
export async function importData(path: string, deps: ImportDeps): Promise<Imported> {
  const { signal, onProgress, upToDamage = false } = deps;
  const source = await readAofSource(path, { signal, upToDamage, onProgress: (bytes) => onProgress('check', bytes) });
  if (source.form === 'rdb' && source.base) return importRdb(source.base.path, source.base.bytes, deps);
  await refuseForeign(source, deps);
  return importAof(source, deps);
}

async function importRdb(path: string, bytes: number, deps: ImportDeps): Promise<Imported> {
  const { repository, instance, softwareVersion, now, signal, onProgress } = deps;
  const reading = await readRdb(path, bytes, deps);
  const takenAtMs = await takenAt([path], reading);
  await deps.onRead();
  const snapshots = repository.snapshots(place(instance));
  const manifest = await snapshots.withClaim(takenAtMs, async (ref): Promise<SnapshotManifest> => {
    const reader = createRdbReader({ classes: instance.dataClasses, takenAtMs });
    const stored = await snapshots.write(ref, readRdbInPassing(readFilePart(path, 0, bytes, { signal }), reader), {
      signal,
      level: instance.backup.compressionLevel,
      onProgress: ({ rawBytes }) => onProgress('store', rawBytes),
    });
    const { facts: rdb, census, aux } = reader.end();
    return {
      ...{ formatVersion: MANIFEST_FORMAT_VERSION, kind: 'snapshot', ...ref, reason: 'imported', method: 'import' },
      software: { name: 'redis-backup', version: softwareVersion },
      server: guessedServer(rdb, { aux, isMultiPart: true }),
      replication: UNKNOWN_PLACE, // nothing proves that it is of the history that the log goes on from
      times: { takenAt: new Date(takenAtMs).toISOString(), clockOffsetMs: 0, finishedAt: new Date(now()).toISOString() },
      ...{ stored, rdb, census, ttlBoundsSeconds: [...TTL_BOUNDS_SECONDS] },
    };
  });
  await snapshots.publish(manifest);
  await repository.pins(manifest).put({
    backupId: manifest.backupId,
    planId: `import-${manifest.backupId}`,
    untilMs: now() + PINNED_FOR_MS,
    reason: 'it was imported',
  });
  return { kind: 'snapshot', manifest, cutBytes: 0 };
}

async function importAof(source: AofSource, deps: ImportDeps): Promise<Imported> {
  const { repository, instance, softwareVersion, now, signal, onProgress } = deps;
  const isMultiPart = source.form === 'multi-part';
  const files = filesOf(source);
  const { base } = source;
  const reading = base?.kind === 'rdb' ? await readRdb(base.path, base.bytes, deps) : undefined;
  const backups = repository.aof(place(instance));
  await deps.onRead();
  const manifest = await storeAof(
    backups,
    {
      ...{ ...place(instance), reason: 'imported', softwareVersion, clockOffsetMs: 0, files },
      form: isMultiPart ? 'multi-part' : 'single-file',
      ...(isMultiPart ? { redisManifest: formatAofManifest(files.map(({ name, seq, type }) => ({ name, seq, type }))) } : {}),
      server: guessedServer(reading?.facts, { aux: reading?.aux ?? {}, isMultiPart }),
      replication: UNKNOWN_PLACE,
      takenAtMs: await takenAt(files.map(({ path }) => path)),
    },
    {
      renamed: instance.archive?.renamedCommands,
      ...{ classes: instance.dataClasses, now, signal, level: instance.backup.compressionLevel },
      onProgress: (bytes) => onProgress('store', bytes),
    },
  );
  await backups.publish(manifest);
  return { kind: 'aof', manifest, cutBytes: source.cutBytes };
}

/** A log is code: Redis executes whatever stands in it, and skips silently what it does not know. */
async function refuseForeign(source: AofSource, { instance, signal }: ImportDeps): Promise<void> {
  const { base, totalBytes } = source;
  const until = totalBytes - (base?.kind === 'rdb' ? base.bytes : 0);
  const passed = replayable(openAsLog(source, { signal }), {
    ...{ state: FILE_BEGIN, startOffset: 0, from: 0, until },
    renamed: instance.archive?.renamedCommands,
    allowed: instance.archive?.moduleCommands,
  });
  for await (const _ of passed);
}

/** A file may be base and log at once: an RDB with commands behind it. */
function filesOf({ base, incrs }: AofSource): AofFileToStore[] {
  const ends = new Map<string, number>();
  if (base) ends.set(base.path, base.bytes);
  for (const { path, start, bytes } of incrs) ends.set(path, Math.max(ends.get(path) ?? 0, start + bytes));
  let seq = 0;
  return [...ends].map(([path, bytes]) => {
    const type = path === base?.path ? 'base' : 'incr';
    if (type === 'incr') seq += 1;
    return { name: basename(path), type, seq: type === 'base' ? 1 : seq, bytes, path };
  });
}

async function readRdb(path: string, bytes: number, { signal }: ImportDeps): Promise<RdbReading> {
  const reader = createRdbReader({ classes: [], takenAtMs: 0 });
  for await (const chunk of readFilePart(path, 0, bytes, { signal })) reader.write(chunk);
  return reader.end();
}

/** An RDB says when it was begun; a log was written until its file was last changed. */
async function takenAt(paths: readonly string[], rdb?: RdbReading): Promise<number> {
  const seconds = Number(rdb?.aux.ctime);
  if (Number.isSafeInteger(seconds) && seconds > 0) return seconds * 1000;
  const times = await Promise.all(paths.map(async (path) => (await stat(path)).mtimeMs));
  return Math.floor(Math.max(...times));
}

const place = ({ instance, shard }: InstanceShard): ShardRef => ({ instance, shard });
