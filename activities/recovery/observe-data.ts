import { constants } from 'node:fs';
import { access, readdir, readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogDamage } from '../../model/recovery/log-damage.ts';
import type { AofObservations, DataObservations } from '../../model/recovery/observations.ts';
import { type RestartRecord, readLogLook, readRestart } from '../../platforms/data-directory.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import { findBaseDamage, matchesItsChecksum } from '../../redis/aof/base.ts';
import { findDamage, ifThere } from '../../redis/aof/damage.ts';
import { type AofFile, parseAofManifest } from '../../redis/aof/manifest.ts';
import { replicationOf } from '../../redis/rdb/replication-of.ts';
import { keptBeside } from './left-behind.ts';

/** The look as a whole has 2 s. */
const READ_LOG_MS = 1_200;

export interface ObserveDataOptions {
  /** Of a Redis that is down: whether its log can be read to its end. */
  readLog?: boolean;
  /** It checks no RDB that it loads (`rdbchecksum no`): one that does not match is none that it refuses. */
  checksNoRdb?: boolean;
  /** It cuts no end off by itself (`aof-load-truncated no`). */
  cutsNoLog?: boolean;
}

/** Codes that say that nobody can use a directory, and not just that this worker may not. */
const UNUSABLE: Record<string, string> = {
  ENOENT: 'it is not there',
  ENOTDIR: 'it is no directory',
  EROFS: 'its file system is read-only',
  EIO: 'its disk fails',
};

/**
 * Looks at what a starting Redis would load. Reads names, sizes, the manifest of the log and, if that is wanted, its commands;
 * changes nothing.
 * @throws what the system says where this worker may not look: that is not known, and not nothing
 */
export async function observeData(layout: DataLayout, options: ObserveDataOptions = {}): Promise<DataObservations> {
  const { dir, appendonly } = layout;
  const unusable = await whyUnusable(dir);
  if (unusable !== undefined) return { dir, appendonly, unusable };
  const [rdb, aof, space] = await Promise.all([
    rdbSigns(layout, options),
    aofSigns(layout, options),
    statfs(dir).catch(() => undefined),
  ]);
  const left = await keptBeside(layout);
  const restart = await readRestart(layout);
  return {
    dir,
    appendonly,
    ...(rdb ? { rdb } : {}),
    ...(aof ? { aof } : {}),
    ...(left.length > 0 ? { leftBehind: left } : {}),
    ...(restart ? { restarted: restartedOf(restart) } : {}),
    ...(space ? { freeBytes: space.bavail * space.bsize, totalBytes: space.blocks * space.bsize } : {}),
  };
}

const restartedOf = ({ atMs, mended }: RestartRecord) => ({ at: new Date(atMs).toISOString(), ...(mended ? { mended } : {}) });

async function whyUnusable(dir: string): Promise<string | undefined> {
  try {
    await readdir(dir);
    await access(dir, constants.W_OK);
    return undefined;
  } catch (error) {
    return UNUSABLE[(error as NodeJS.ErrnoException).code ?? ''];
  }
}

async function rdbSigns(
  { dir, dbfilename, appendonly }: DataLayout,
  options: ObserveDataOptions,
): Promise<DataObservations['rdb']> {
  const path = join(dir, dbfilename);
  const found = await ifThere(stat(path));
  if (!found?.isFile()) return undefined;
  const saved = await replicationOf(path).catch(() => ({})); // not readable: the start says why
  const signs = { bytes: found.size, modifiedAt: found.mtime.toISOString(), ...saved };
  if (!options.readLog || options.checksNoRdb || appendonly) return signs;
  try {
    const matches = await matchesItsChecksum(path, found.size, { signal: AbortSignal.timeout(READ_LOG_MS) });
    return { ...signs, ...(matches === false ? { damaged: true } : {}) };
  } catch {
    return { ...signs, unread: true }; // too large, or not readable: the start says why
  }
}

async function aofSigns(layout: DataLayout, { readLog = false, checksNoRdb = false, cutsNoLog = false }: ObserveDataOptions) {
  const signs = await filesOf(layout);
  if (!signs || !readLog || !layout.appendonly || signs.manifest !== 'present') return signs;
  const signal = AbortSignal.timeout(READ_LOG_MS);
  const commands = await readingOf(layout, signal);
  const { damage } = commands;
  const refused = damage && cutsNoLog ? { damage: { ...damage, isRefused: true as const } } : {};
  return { ...signs, ...commands, ...refused, ...(checksNoRdb ? {} : await baseOf(layout, signal)) };
}

/** A damaged base outweighs what stands behind it. */
async function baseOf(layout: DataLayout, signal: AbortSignal): Promise<Pick<AofObservations, 'damage' | 'baseUnread'>> {
  try {
    const damage = await findBaseDamage(layout, { signal });
    return damage ? { damage } : {};
  } catch {
    return { baseUnread: true };
  }
}

/** What had no room then may have some now. */
async function withRoomOfNow({ dir }: DataLayout, damage: LogDamage | undefined): Promise<LogDamage | undefined> {
  if (damage?.needsBytes === undefined) return damage;
  const space = await statfs(dir).catch(() => undefined);
  if (!space || space.bavail * space.bsize < damage.needsBytes) return damage;
  const { needsBytes: _, unmendable: __, ...mendable } = damage;
  return mendable;
}

/** What nobody has read before is read now, as far as the time allows. */
async function readingOf(layout: DataLayout, signal: AbortSignal): Promise<Pick<AofObservations, 'damage' | 'unread'>> {
  const known = await readLogLook(layout);
  try {
    const damage = known ? await withRoomOfNow(layout, known.damage) : await findDamage(layout, { signal });
    return damage ? { damage } : {};
  } catch {
    return { unread: true }; // too large, or not readable: the act that mends it says why
  }
}

async function filesOf(layout: DataLayout): Promise<AofObservations | undefined> {
  const { dir, appenddirname, appendfilename } = layout;
  const directory = join(dir, appenddirname);
  const names = await ifThere(readdir(directory));
  if (names) return multiPartSigns(directory, appendfilename, names);
  const single = await ifThere(stat(join(dir, appendfilename)));
  if (!single?.isFile()) return undefined;
  const writtenAt = single.mtime.toISOString();
  return { form: 'single-file', manifest: 'present', files: 1, bytes: single.size, writtenAt, ...NONE_LEFT };
}

const NONE_LEFT = { orphans: [], orphanBytes: 0, missing: [] };

async function multiPartSigns(directory: string, appendfilename: string, names: readonly string[]): Promise<AofObservations> {
  const isData = (name: string) => name.startsWith(`${appendfilename}.`) && /\.\d+\.(?:base|incr)\.(?:rdb|aof)$/.test(name);
  const data = names.filter(isData).sort();
  const found = await Promise.all(data.map((name) => ifThere(stat(join(directory, name)))));
  const sizes = found.map((stats) => stats?.size ?? 0);
  const writtenMs = Math.max(0, ...found.map((stats) => stats?.mtimeMs ?? 0));
  const named = await namedFiles(join(directory, `${appendfilename}.manifest`));
  const known = Array.isArray(named) ? named.map(({ name }) => name) : [];
  const isOrphan = (name: string) => !known.includes(name);
  const sum = (from: number[]) => from.reduce((total, size) => total + size, 0);
  return {
    form: 'multi-part',
    manifest: Array.isArray(named) ? 'present' : named,
    files: data.length,
    bytes: sum(sizes),
    ...(writtenMs > 0 ? { writtenAt: new Date(writtenMs).toISOString() } : {}),
    orphans: data.filter(isOrphan),
    orphanBytes: sum(sizes.filter((_, index) => isOrphan(data[index] ?? ''))),
    missing: known.filter((name) => !names.includes(name)),
  };
}

async function namedFiles(path: string): Promise<AofFile[] | 'missing' | 'unusable'> {
  try {
    return parseAofManifest(await readFile(path, 'utf8'));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'unusable';
  }
}
