import { mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecoveryError } from '../../../model/errors.ts';
import { formatBytes } from '../../../model/format.ts';
import { writeInBlocks } from '../../../platforms/data-directory.ts';
import type { Dependencies } from '../../dependencies.ts';
import type { StagingPlace, VerifiedFile } from '../stage.ts';

export const spoolDirectory = (deps: Dependencies, operationId: string): string =>
  join(spoolHome(deps), `redis-backup-live-${operationId}`);

/**
 * Where the data of a live restore lies, whole and verified, before Redis is told to follow: a feed that stalls would freeze
 * it. Readable by the worker alone: it holds session tokens.
 */
export async function openSpoolDirectory(deps: Dependencies, operationId: string, neededBytes: number): Promise<StagingPlace> {
  const directory = spoolDirectory(deps, operationId);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const there = (await sizeOf(join(directory, 'dump.rdb'))) + (await sizeOf(join(directory, 'log.aof')));
  await requireSpoolRoom(directory, neededBytes - there);
  return stagingPlaceIn(directory);
}

/** Of a directory that is there. @throws RecoveryError `TARGET_DISK_FULL` */
export async function requireSpoolRoom(directory: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize < neededBytes) throw noRoom(directory, neededBytes, bavail * bsize);
}

/** Under which they are made, and which may not be there before. */
export const spoolHome = ({ spool }: Pick<Dependencies, 'spool'>): string => spool?.directory ?? tmpdir();

/** Two files in a directory of the caller's own. */
export const stagingPlaceIn = (directory: string): StagingPlace => ({
  rdb: spooledFile(directory, 'dump.rdb'),
  log: spooledFile(directory, 'log.aof'),
});

export const removeSpoolDirectory = (deps: Dependencies, operationId: string): Promise<void> =>
  rm(spoolDirectory(deps, operationId), { recursive: true, force: true });

function spooledFile(directory: string, name: string): StagingPlace['rdb'] {
  const path = join(directory, name);
  return {
    async find(): Promise<VerifiedFile | undefined> {
      const bytes = await sizeOf(path, -1);
      return bytes < 0 ? undefined : { path, bytes };
    },
    async write(source, { signal, onProgress }) {
      const partial = `${path}.partial`;
      const file = await open(partial, 'w', 0o600);
      const bytes = await writeInBlocks(file, source, { signal, onProgress }).finally(() => file.close());
      await rename(partial, path); // under its name only when it is whole and verified
      return { path, bytes };
    },
  };
}

const sizeOf = (path: string, otherwise = 0): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return otherwise;
      throw error;
    },
  );

const noRoom = (directory: string, neededBytes: number, freeBytes: number): RecoveryError =>
  new RecoveryError(
    'TARGET_DISK_FULL',
    `${directory} has ${formatBytes(freeBytes)} free, and the data of the restore takes ${formatBytes(neededBytes)}`,
    { next: 'Free space there, or name a larger directory by worker.spool.directory.' },
  );
