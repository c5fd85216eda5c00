import { readFile } from 'node:fs/promises';
import { RecoveryError } from '../../../model/errors.ts';
import type { RestoreReport } from '../../../model/operations.ts';
import type { KeptConf } from '../../../platforms/platform.ts';
import type { RedisClient } from '../../../redis/client/client.ts';
import type { ProtectedInstance } from '../../dependencies.ts';

/** What a load sets and nobody may keep: with these a Redis starts as the replica of a worker that is gone. */
const OURS = /^\s*(replicaof|slaveof|masterauth|masteruser)\s/i;

/** `mended`: written back as it was. `spoilt`: it could not be. */
export type ConfigFileState = NonNullable<NonNullable<RestoreReport['live']>['configFile']>;

/** What of redis.conf a load leaves as it was, where that is at hand. */
export interface ConfigFileBefore {
  /** They may hold a password, and stay on this machine. */
  lines: string[];
  /** Absent: it is not at hand, or may not be read. */
  kept?: KeptConf;
}

/** The lines that a load may leave in redis.conf, and who may read it. */
export async function configFileBefore(target: ProtectedInstance, client: RedisClient): Promise<ConfigFileBefore> {
  const path = await pathOf(target, client);
  if (path === undefined) return { lines: [] };
  const kept = await target.control?.open().keepConf().catch(notAtHand);
  return { lines: await linesOf(path), ...(kept ? { kept } : {}) };
}

/** One that may not be read. */
const notAtHand = (): undefined => undefined;

/**
 * Looks whether somebody has run CONFIG REWRITE in the middle of a load, and has it written again if so: it is the same file, by the
 * same command, with the settings that were put back.
 */
export async function mendConfigFile(
  target: ProtectedInstance,
  { client, before }: { client: RedisClient; before: ConfigFileBefore },
): Promise<ConfigFileState | undefined> {
  const path = await pathOf(target, client);
  if (path === undefined) return undefined;
  const added = async (): Promise<string[]> => (await linesOf(path)).filter((line) => !before.lines.includes(line));
  const found = await added();
  if (found.length === 0) return undefined;
  const names = [...new Set(found.map((line) => line.trim().split(/\s/)[0] ?? ''))];
  const isMended = await client.configRewrite().then(async () => (await added()).length === 0, unlessRefused);
  const access = await before.kept?.putAccessBack();
  return { state: isMended ? 'mended' : 'spoilt', path, names, ...(access ? { access } : {}) };
}

function unlessRefused(error: unknown): boolean {
  if (!(error instanceof RecoveryError)) throw error;
  return false;
}

async function pathOf({ control }: ProtectedInstance, client: RedisClient): Promise<string | undefined> {
  if (!control?.isAtHand) return undefined;
  return (await client.info('server')).get('config_file') || undefined;
}

/** One that may not be read is not at hand. */
const linesOf = async (path: string): Promise<string[]> =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => OURS.test(line));
