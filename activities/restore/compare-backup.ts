import { isDeepStrictEqual } from 'node:util';
import type { Census } from '../../model/backup/census.ts';
import type { RdbFacts, SnapshotManifest } from '../../model/backup/manifest.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatCount, formatTime } from '../../model/format.ts';
import type { RdbReading } from '../../redis/rdb/reader.ts';

/** A fork that waited, or a BGSAVE that took long, is no other backup. */
const CTIME_TOLERANCE_MS = 24 * 3600 * 1000;

/**
 * Compares what a manifest says with what its RDB is, once all of that has been read. What was counted is compared where it
 * was counted whole: a reader that knows more types than the one before it finds more keys.
 * @param reading - with times to live counted from `census.takenAtMs` of the manifest
 * @throws RecoveryError `BACKUP_CORRUPT` with the first difference
 */
export function refuseUnlike(manifest: SnapshotManifest, reading: Pick<RdbReading, 'facts' | 'census' | 'aux'>): void {
  const { facts } = reading;
  const { rdb, instance, backupId } = manifest;
  const found =
    formatUnlike(rdb, facts) ??
    (rdb.parsed ? (contentUnlike(rdb, facts) ?? censusUnlike(manifest.census, reading.census)) : undefined) ??
    placeUnlike(manifest, reading);
  if (found === undefined) return;
  throw new RecoveryError('BACKUP_CORRUPT', `backup ${backupId} of ${instance} ${found.is}, its manifest says ${found.says}`, {
    next: 'Restore an older backup. Nothing was changed.',
  });
}

interface Unlike {
  is: string;
  says: string;
}

const unlike = (is: string, says: string): Unlike => ({ is, says });

function formatUnlike(expected: RdbFacts, { magic, version, bytes, crc64 }: RdbFacts): Unlike | undefined {
  if (magic !== expected.magic || version !== expected.version)
    return unlike(`is an RDB ${magic} of version ${version}`, `${expected.magic} ${expected.version}`);
  if (bytes !== expected.bytes) return unlike(`has ${formatCount(bytes)} bytes`, formatCount(expected.bytes));
  if (crc64 !== expected.crc64) return unlike(`has a checksum that is ${crc64}`, expected.crc64);
  return undefined;
}

function contentUnlike(expected: RdbFacts, { keys, expires, databases, functions, moduleTypes }: RdbFacts): Unlike | undefined {
  if (keys !== expected.keys) return unlike(`holds ${formatCount(keys)} keys`, formatCount(expected.keys));
  if (expires !== expected.expires)
    return unlike(`holds ${formatCount(expires)} keys with a time to live`, formatCount(expected.expires));
  if (!isDeepStrictEqual(databases, expected.databases)) return unlike(`has ${listed(databases)}`, listed(expected.databases));
  if (functions !== expected.functions)
    return unlike(`has ${formatCount(functions)} function libraries`, formatCount(expected.functions));
  const [is, says] = [moduleTypes, expected.moduleTypes].map((names) => [...names].sort().join(', ') || 'none');
  if (is !== says) return unlike(`has the module types ${is}`, says ?? '');
  return undefined;
}

const listed = (databases: RdbFacts['databases']): string =>
  databases.map(({ db, keys, expires }) => `db${db} with ${keys} keys, ${expires} of them with a time to live`).join(', ');

/** By its sums over all classes: patterns may be other ones today. */
function censusUnlike(expected: Census, found: Census): Unlike | undefined {
  const [is, says] = [found, expected].map(sumsOf);
  return is === says ? undefined : unlike(`has a census of ${is}`, says ?? '');
}

function sumsOf({ classes }: Census): string {
  const sum = (of: (one: Census['classes'][number]) => number): number => classes.reduce((total, one) => total + of(one), 0);
  const [keys, persistent, expired] = [sum((one) => one.keys), sum((one) => one.persistent), sum((one) => one.expired)];
  return `${keys} keys, ${persistent} without a time to live, ${expired} expired`;
}

function placeUnlike(
  { rdb, times, method }: SnapshotManifest,
  { facts, aux }: Pick<RdbReading, 'facts' | 'aux'>,
): Unlike | undefined {
  const place = ({ replid, replOffset }: Pick<RdbFacts, 'replid' | 'replOffset'>): string => `offset ${replOffset} of ${replid}`;
  if (rdb.replid !== undefined && place(facts) !== place(rdb)) return unlike(`stands at ${place(facts)}`, place(rdb));
  if (rdb.usedMemoryBytes !== undefined && facts.usedMemoryBytes !== rdb.usedMemoryBytes)
    return unlike(`took ${facts.usedMemoryBytes} bytes of memory`, `${rdb.usedMemoryBytes}`);
  const [taken, begun] = [Date.parse(times.takenAt) + times.clockOffsetMs, Number(aux.ctime) * 1000];
  if (method === 'import' || !(begun > 0) || Math.abs(taken - begun) <= CTIME_TOLERANCE_MS) return undefined;
  return unlike(`was begun ${formatTime(begun, 'seconds')}`, formatTime(taken, 'seconds'));
}
