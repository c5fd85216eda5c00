import { createHash } from 'node:crypto';
import { RecoveryError } from '../model/errors.ts';
import { isName, timeOfBackupId } from '../model/instance.ts';
import type { ShardRef } from '../model/shard.ts';

/** One backup: the folder that its manifest and its objects lie in. */
export interface BackupRef extends ShardRef {
  /** UTC `YYYYMMDDTHHMMSSZ`. */
  backupId: string;
}

export const SNAPSHOT_FILE = 'dump.rdb.zst';
const MANIFEST_FILE = 'manifest.json';
/** Written first, so that of two writers one has the id. */
export const CLAIM_FILE = 'claimed';
/** A file that a manifest may name: in its own folder, not hidden, not the manifest. */
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Everything of one shard, with a `/` behind. */
export const shardPrefix = ({ instance, shard }: ShardRef): string => `${name(instance, 'instance')}/${name(shard, 'shard')}/`;
export const instancePrefix = (instance: string): string => `${name(instance, 'instance')}/`;

export const ownerKey = (instance: string): string => `${instancePrefix(instance)}owner.json`;

export const snapshotsPrefix = (of: ShardRef): string => `${shardPrefix(of)}snapshots/`;
export const snapshotPrefix = (ref: BackupRef): string => `${snapshotsPrefix(ref)}${id(ref.backupId)}/`;
export const manifestKey = (ref: BackupRef): string => snapshotPrefix(ref) + MANIFEST_FILE;
export const snapshotKey = (ref: BackupRef, file: string = SNAPSHOT_FILE): string => {
  if (!isFileName(file)) throw invalid('file', file, 'Use another backup: this manifest was tampered with.');
  return snapshotPrefix(ref) + file;
};

export const pinsPrefix = (of: ShardRef): string => `${shardPrefix(of)}pins/`;
/** Plan ids may have any characters (they are workflow and run ids); what a key can't have becomes a hash. */
export const pinKey = (ref: BackupRef, planId: string): string => {
  const file = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$/.test(planId)
    ? planId
    : createHash('sha256').update(planId).digest('hex').slice(0, 32);
  return `${pinsPrefix(ref)}${id(ref.backupId)}/${file}.json`;
};

export const baselinesPrefix = (of: ShardRef): string => `${shardPrefix(of)}baselines/`;
export const baselineKey = (of: ShardRef, baselineId: string): string => `${baselinesPrefix(of)}${id(baselineId)}.json`;
/** The id in a key of a baseline; undefined for what somebody else put there. */
export function baselineIdOf(key: string): string | undefined {
  const [, found] = /\/baselines\/([^/]+)\.json$/.exec(key) ?? [];
  return found !== undefined && isValidBackupId(found) ? found : undefined;
}

/** One timeline of the archive: the folder that its segments lie in. */
export interface TimelineRef extends ShardRef {
  /** `<replid>-<first>`, `first` padded to 16 digits. */
  timelineId: string;
}

const TIMELINE_FILE = 'timeline.json';
const TIMELINE_ID = /^([0-9a-f]{40})-(\d{16})$/;
const SEGMENT_NAME = /^(\d{16})\.aof\.zst$/;
const COMPACTED_NAME = /^(\d{16})-(\d{16})\.aof\.zst$/;

export const archivePrefix = (of: ShardRef): string => `${shardPrefix(of)}archive/`;
export const timelinePrefix = (ref: TimelineRef): string => `${archivePrefix(ref)}${timeline(ref)}/`;
export const timelineKey = (ref: TimelineRef): string => timelinePrefix(ref) + TIMELINE_FILE;
/** The start alone: two writers that stand at the same offset ask for the same key, however far each of them has read. */
export const segmentKey = (ref: TimelineRef, start: number): string => `${timelinePrefix(ref)}${padded(start)}.aof.zst`;
/** A prefix of their own: nothing that tidies up ever writes where the archiver does. */
export const compactedPrefix = (ref: TimelineRef): string => `${shardPrefix(ref)}archive-compacted/${timeline(ref)}/`;
export const compactedKey = (ref: TimelineRef, start: number, end: number): string =>
  `${compactedPrefix(ref)}${padded(start)}-${padded(end)}.aof.zst`;

export const timelineIdOf = (replid: string, first: number): string => `${replid}-${padded(first)}`;
/** Undefined for what is no timeline: a folder that somebody else put there. */
export function partsOfTimelineId(timelineId: string): { replid: string; first: number } | undefined {
  const [, replid, first] = TIMELINE_ID.exec(timelineId) ?? [];
  return replid === undefined || !isOffset(first) ? undefined : { replid, first: Number(first) };
}

/** What the name of a segment says: `end` only that of a compacted one. Undefined for other names. */
export function partsOfSegmentName(name: string): { start: number; end?: number } | undefined {
  const [, raw] = SEGMENT_NAME.exec(name) ?? [];
  if (isOffset(raw)) return { start: Number(raw) };
  const [, start, end] = COMPACTED_NAME.exec(name) ?? [];
  if (!isOffset(start) || !isOffset(end) || Number(end) <= Number(start)) return undefined;
  return { start: Number(start), end: Number(end) };
}

const padded = (offset: number): string => String(offset).padStart(16, '0');
const isOffset = (digits: string | undefined): boolean => digits !== undefined && Number.isSafeInteger(Number(digits));

/** No instance can have this name, so a probe never lies among backups. */
export const probeKey = (random: string): string => `_probe/${random}`;

export const isFileName = (file: string): boolean => FILE_NAME.test(file) && file !== MANIFEST_FILE && file !== CLAIM_FILE;

export function isValidBackupId(text: string): boolean {
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

function timeline({ timelineId }: TimelineRef): string {
  if (partsOfTimelineId(timelineId)) return timelineId;
  throw invalid('timeline', timelineId, 'Use the name of a timeline: a replication id, a hyphen and an offset of 16 digits.');
}

const invalid = (what: string, value: string, next: string): RecoveryError =>
  new RecoveryError(
    'INPUT_INVALID',
    `${JSON.stringify(value.slice(0, 100))} is no name of a${what === 'instance' ? 'n' : ''} ${what}`,
    { next },
  );
