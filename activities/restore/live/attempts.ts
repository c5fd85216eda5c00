import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RedisInfo } from '../../../redis/client/info.ts';

/** What the attempts of one load have cost so far, wherever they ended. */
export interface Attempts {
  /** Of the first REPLICAOF. */
  firstMs: number;
  /** Changes that Redis took between attempts: the next one overwrites them. */
  accepted: number;
  /** At the end of the last attempt, when Redis took writes again. Absent: it has not been let go. */
  changesAtRelease?: number;
}

const FILE = 'attempts.json';
const changesIn = (info: RedisInfo): number => info.number('rdb_changes_since_last_save') ?? 0;

/** Kept beside the data of the load: a worker that dies takes no memory of it along. */
export async function beginAttempt(directory: string, nowMs: number, info: RedisInfo): Promise<Attempts> {
  const text = await readFile(join(directory, FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  const { changesAtRelease, ...last } = text === undefined ? { firstMs: nowMs, accepted: 0 } : (JSON.parse(text) as Attempts);
  const changes = changesIn(info);
  // Fewer than then: Redis has saved since, and counts anew.
  const since = changesAtRelease === undefined ? 0 : changes >= changesAtRelease ? changes - changesAtRelease : changes;
  const attempts = { ...last, accepted: last.accepted + since };
  await write(directory, attempts);
  return attempts;
}

export const endAttempt = (directory: string, attempts: Attempts, info: RedisInfo): Promise<void> =>
  write(directory, { ...attempts, changesAtRelease: changesIn(info) });

async function write(directory: string, attempts: Attempts): Promise<void> {
  const path = join(directory, FILE);
  await writeFile(`${path}.new`, JSON.stringify(attempts), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
