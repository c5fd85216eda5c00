import { createHash } from 'node:crypto';
import { beginningIn } from '../../model/archive/log-needs.ts';
import { aofBytes, aofStoredBytes } from '../../model/backup/aof-backup.ts';
import type { AofManifest } from '../../model/backup/aof-manifest.ts';
import { type Census, TTL_BOUNDS_SECONDS } from '../../model/backup/census.ts';
import type { RdbFacts, SnapshotManifest } from '../../model/backup/manifest.ts';
import type { PlannedLog } from '../../model/restore/plan/plan.ts';
import { emptyRdb } from '../../redis/aof/source.ts';
import { FILE_BEGIN } from '../../redis/log/needs.ts';
import { replayable } from '../../redis/log/replayable.ts';
import { createRdbReader } from '../../redis/rdb/reader.ts';
import type { AofBackups } from '../../repository/aof-backups.ts';
import { known } from '../archive/log-needs.ts';
import type { LogCommands, ReplayOptions } from './replay-log.ts';

/** The base of a copied log as the snapshot that it is, so that it is planned, staged and counted as one. */
export function asSnapshot(manifest: AofManifest): SnapshotManifest {
  const { instance, shard, backupId, reason, software, server, replication, times, formatVersion, files, takenFrom } = manifest;
  const { rdb, census, ttlBoundsSeconds } = manifest.base ?? noBase(Date.parse(times.takenAt) + times.clockOffsetMs);
  const digest = createHash('sha256');
  for (const { stored } of files) digest.update(stored.sha256);
  return {
    ...{ formatVersion, kind: 'snapshot', instance, shard, backupId, reason, method: 'import' },
    ...(takenFrom ? { takenFrom } : {}),
    ...{ software, server, replication, times, rdb, census, ttlBoundsSeconds },
    stored: { file: 'manifest', bytes: aofStoredBytes(manifest), sha256: digest.digest('hex'), compression: 'zstd' },
  };
}

/** What lies behind the base, all of it. @param commands - as they are called today */
export function logOf(manifest: AofManifest, commands: LogCommands = {}): PlannedLog {
  const atMs = Date.parse(manifest.times.takenAt);
  return {
    until: manifest.backupId,
    ranges: [],
    bytes: aofBytes(manifest) - (manifest.base?.rdb.bytes ?? 0),
    untilMs: atMs,
    endsMs: atMs,
    ...(manifest.needs ? { needs: known(beginningIn(FILE_BEGIN.db, manifest.needs), commands) } : {}),
  };
}

/**
 * The RDB that it begins with; an empty one where it begins with commands. Of no use before its end; each chunk is only good
 * until the next one is asked for.
 */
export async function* openAofBase(backups: AofBackups, manifest: AofManifest, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const [first] = manifest.files;
  if (!manifest.base || !first) {
    yield emptyRdb();
    return;
  }
  let left = manifest.base.rdb.bytes;
  for await (const chunk of backups.openFile(manifest, first.name, { signal, lends: true })) {
    if (left > 0) yield chunk.subarray(0, left);
    left -= chunk.length; // read to its end all the same: only there is it known to be the right one
  }
}

/**
 * All commands behind the base, and no foreign one. Of no use before its end.
 * @throws RecoveryError `LOG_FOREIGN_COMMAND` with name and offset, `LOG_MALFORMED`, `BACKUP_CORRUPT`
 */
export async function* openAofLog(
  backups: AofBackups,
  manifest: AofManifest,
  { renamedCommands, moduleCommands }: LogCommands,
  { signal, finder, onNeeds }: ReplayOptions = {},
): AsyncGenerator<Buffer> {
  const { bytes } = logOf(manifest);
  if (bytes === 0) return;
  const until = bytes + SELECT_0.length * (filesBehindBase(manifest).length - 1);
  const range = { timelineId: '', start: 0, startState: FILE_BEGIN, from: 0, to: until };
  const raw = rawLog(backups, manifest, signal);
  yield* replayable(finder ? finder.watch(raw, range) : raw, {
    ...{ state: FILE_BEGIN, startOffset: 0, from: 0, until },
    renamed: renamedCommands,
    allowed: moduleCommands,
    onEnd: onNeeds,
  });
}

/** Redis begins each file in database 0; it writes that there, others may not. */
const SELECT_0 = Buffer.from('*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n');

/** Those with commands: openAofBase reads a base that has none. */
function filesBehindBase({ files, base }: AofManifest): AofManifest['files'] {
  const [first, ...others] = files;
  return first && base?.rdb.bytes === first.bytes ? others : files;
}

/**
 * The file that has this byte of what `openAofLog` reads, and how many of its bytes lie before it: where a person would cut
 * it.
 */
export function placeInCopy(manifest: AofManifest, offset: number): { file: string; bytes: number } {
  const files = filesBehindBase(manifest);
  let skipped = files.length < manifest.files.length ? 0 : (manifest.base?.rdb.bytes ?? 0);
  let from = 0;
  for (const { name, bytes } of files) {
    const own = bytes - skipped;
    if (offset < from + own || name === files.at(-1)?.name) return { file: name, bytes: skipped + Math.max(0, offset - from) };
    from += own + SELECT_0.length;
    skipped = 0;
  }
  throw new RangeError('a copy without a log');
}

async function* rawLog(backups: AofBackups, manifest: AofManifest, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const files = filesBehindBase(manifest);
  let skip = files.length < manifest.files.length ? 0 : (manifest.base?.rdb.bytes ?? 0);
  for (const [index, { name }] of files.entries()) {
    if (index > 0) yield SELECT_0;
    for await (const chunk of backups.openFile(manifest, name, { signal })) {
      if (skip < chunk.length) yield chunk.subarray(skip);
      skip = Math.max(0, skip - chunk.length);
    }
  }
}

function noBase(takenAtMs: number): { rdb: RdbFacts; census: Census; ttlBoundsSeconds: number[] } {
  const reader = createRdbReader({ classes: [], takenAtMs });
  reader.write(emptyRdb());
  const { facts: rdb, census } = reader.end();
  return { rdb, census, ttlBoundsSeconds: [...TTL_BOUNDS_SECONDS] };
}
