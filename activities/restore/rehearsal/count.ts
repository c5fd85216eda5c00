import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { RdbFacts } from '../../../model/backup/manifest.ts';
import type { DataClass } from '../../../model/data-class.ts';
import { RecoveryError } from '../../../model/errors.ts';
import type { DatabaseKeys } from '../../../model/restore/rehearsal.ts';
import type { RedisClient } from '../../../redis/client/client.ts';
import { createRdbReader, readRdbInPassing } from '../../../redis/rdb/reader.ts';

export interface Counted {
  /** The RDB that was counted; the next count writes over it. */
  path: string;
  rdb: RdbFacts;
  sha256: string;
  /** Alive at the moment that was asked for. */
  databases: DatabaseKeys[];
}

export interface CountBySavingOptions {
  classes: readonly DataClass[];
  /** Keys whose time is over by then are not counted. */
  aliveAtMs: number;
  signal: AbortSignal;
}

/**
 * Counts every key of a throw-away Redis by the RDB that it writes: SCAN would leave out and count what expires while it goes on,
 * so that two counts could not be compared. @throws RecoveryError `TARGET_DISK_FULL` when it cannot be written
 */
export async function countBySaving(client: RedisClient, directory: string, options: CountBySavingOptions): Promise<Counted> {
  await client.command('SAVE').catch((error: RecoveryError) => {
    if (error.code !== 'REDIS_REFUSED') throw error;
    throw new RecoveryError('TARGET_DISK_FULL', `the throw-away Redis could not write what it has into ${directory}`, {
      next: 'Free space there, or name a larger directory by worker.spool.directory.',
      cause: error,
    });
  });
  const path = join(directory, 'dump.rdb');
  const reader = createRdbReader({ classes: options.classes, takenAtMs: options.aliveAtMs });
  const digest = createHash('sha256');
  const file = createReadStream(path, { highWaterMark: 1 << 20, signal: options.signal });
  for await (const piece of readRdbInPassing(file, reader)) digest.update(piece);
  const { facts, alive } = reader.end();
  return { path, rdb: facts, sha256: digest.digest('hex'), databases: alive };
}
