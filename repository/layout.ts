import { createHash } from 'node:crypto';
import { RecoveryError } from '../model/errors.ts';
import { isName, timeOfBackupId } from '../model/instance.ts';

/** One snapshot: the folder that its manifest and its RDB lie in. */
export interface SnapshotRef {
  instance: string;
  shard: string;
  /** UTC `YYYYMMDDTHHMMSSZ`. */
  backupId: string;
}

export const SNAPSHOT_FILE = 'dump.rdb.zst';
const MANIFEST_FILE = 'manifest.json';
/** A file that a manifest may name: in its own folder, not hidden, not the manifest. */
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Everything of one shard, with a `/` behind. */
export const shardPrefix = (instance: string, shard: string): string => `${name(instance, 'instance')}/${name(shard, 'shard')}/`;
export const instancePrefix = (instance: string): string => `${name(instance, 'instance')}/`;

export const snapshotsPrefix = (instance: string, shard: string): string => `${shardPrefix(instance, shard)}snapshots/`;
export const snapshotPrefix = ({ instance, shard, backupId }: SnapshotRef): string =>
  `${snapshotsPrefix(instance, shard)}${id(backupId)}/`;
export const manifestKey = (ref: SnapshotRef): string => snapshotPrefix(ref) + MANIFEST_FILE;
export const snapshotKey = (ref: SnapshotRef, file: string = SNAPSHOT_FILE): string => {
  if (!isFileName(file)) throw invalid('file', file, 'Use another backup: this manifest was tampered with.');
  return snapshotPrefix(ref) + file;
};

export const pinsPrefix = (instance: string, shard: string): string => `${shardPrefix(instance, shard)}pins/`;
/** Plan ids may have any characters (they are workflow and run ids); what a key can't have becomes a hash. */
export const pinKey = ({ instance, shard, backupId }: SnapshotRef, planId: string): string => {
  const file = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$/.test(planId)
    ? planId
    : createHash('sha256').update(planId).digest('hex').slice(0, 32);
  return `${pinsPrefix(instance, shard)}${id(backupId)}/${file}.json`;
};

/** No instance can have this name, so a probe never lies among backups. */
export const probeKey = (random: string): string => `_probe/${random}`;

export const isFileName = (file: string): boolean => FILE_NAME.test(file) && file !== MANIFEST_FILE;

export function isBackupId(text: string): boolean {
  try {
    return timeOfBackupId(text) > 0;
  } catch (error) {
    if (error instanceof RecoveryError) return false; // a folder that somebody else put there
    throw error;
  }
}

function name(value: string, what: string): string {
  if (isName(value)) return value;
  throw invalid(what, value, 'Use small letters, digits and hyphens, at most 63.');
}

function id(backupId: string): string {
  timeOfBackupId(backupId); // throws
  return backupId;
}

const invalid = (what: string, value: string, next: string): RecoveryError =>
  new RecoveryError(
    'INPUT_INVALID',
    `${JSON.stringify(value.slice(0, 100))} is no name of a${what === 'instance' ? 'n' : ''} ${what}`,
    { next },
  );
