import { readFile } from 'node:fs/promises';
import { RecoveryError } from '../../../model/errors.ts';
import type { RedisClient } from '../../../redis/client/client.ts';
import type { ProtectedInstance } from '../../dependencies.ts';

/** What a load sets and nobody may keep: with these a Redis starts as the replica of a worker that is gone. */
const OURS = /^\s*(replicaof|slaveof|masterauth|masteruser)\s/i;

/** `mended`: written back as it was. `spoilt`: it could not be. */
export type ConfigFileState = { state: 'mended' | 'spoilt'; path: string; names: string[] };

/** The lines that a load may leave in redis.conf, where that is at hand. They may hold a password, and stay on this machine. */
export async function followLines(target: ProtectedInstance, client: RedisClient): Promise<string[]> {
  const path = await pathOf(target, client);
  return path === undefined ? [] : linesOf(path);
}

/**
 * Looks whether somebody has run CONFIG REWRITE in the middle of a load, and has it written again if so: it is the same file, by the
 * same command, with the settings that were put back.
 */
export async function mendConfigFile(
  target: ProtectedInstance,
  { client, before }: { client: RedisClient; before: readonly string[] },
): Promise<ConfigFileState | undefined> {
  const path = await pathOf(target, client);
  if (path === undefined) return undefined;
  const added = async (): Promise<string[]> => (await linesOf(path)).filter((line) => !before.includes(line));
  const found = await added();
  if (found.length === 0) return undefined;
  const names = [...new Set(found.map((line) => line.trim().split(/\s/)[0] ?? ''))];
  try {
    await client.configRewrite();
    if ((await added()).length === 0) return { state: 'mended', path, names };
  } catch (error) {
    if (!(error instanceof RecoveryError)) throw error;
  }
  return { state: 'spoilt', path, names };
}

async function pathOf({ control }: ProtectedInstance, client: RedisClient): Promise<string | undefined> {
  if (!control?.isAtHand) return undefined;
  return (await client.info('server')).get('config_file') || undefined;
}

/** One that may not be read is not at hand. */
const linesOf = async (path: string): Promise<string[]> =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => OURS.test(line));
