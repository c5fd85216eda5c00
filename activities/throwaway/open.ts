import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatBytes } from '../../model/format.ts';
import type { AppendForm } from '../../model/restore/plan/plan.ts';
import { canLoad, compareVersions, type Server } from '../../model/restore/rdb-versions.ts';
import { hostMemory } from '../../platforms/host/host-memory.ts';
import { serverVersion } from '../../platforms/throwaway/server-version.ts';
import { startThrowaway, type Throwaway } from '../../platforms/throwaway/throwaway.ts';
import { openRedis } from '../../redis/client/client.ts';
import { refuseLoadErrors, whyNotLoaded } from './load-errors.ts';
import { fetchRestoreSource, type RestoreSource, type RestoreSourceOptions } from './restore-source.ts';

export interface OpenThrowawayOptions {
  /** Exists, empty, of the caller's own. */
  directory: string;
  /** See `findServerBinary`. */
  binary: string;
  port?: number;
  password?: string;
  /** It goes on when this process ends. */
  detached?: boolean;
  /** Added to every moment of expiry: for data that is to look as if it were of today. Default 0. */
  shiftMs?: number;
  signal?: AbortSignal;
  onProgress?: (progress: ThrowawayProgress) => void;
}

export interface ThrowawayProgress {
  stage: 'download' | 'download the log' | 'loading';
  doneBytes: number;
  totalBytes: number;
  etaSeconds?: number;
}

/** Room beyond the data itself: buffers and fragmentation. */
const MEMORY_SLACK = 1.1;

/**
 * A Redis on loopback that holds the data as it was then, loaded and serving.
 * @throws RecoveryError `RESTORE_REFUSED` before anything is downloaded, for a binary that is too old and for a machine without
 *   the memory; `LOG_REFUSED` for a command of the log that it did not carry out; `START_FAILED`, and what `fetchRestoreSource` throws. Nothing runs any more then; the directory is the caller's
 */
export async function openThrowaway(
  source: RestoreSourceOptions,
  restoreSource: RestoreSource,
  options: OpenThrowawayOptions,
): Promise<Throwaway> {
  const { directory, binary, shiftMs, signal, onProgress, port, password, detached } = options;
  const server = await requireCopyable(binary, restoreSource);
  const { highestDb } = await fetchRestoreSource(source, restoreSource, directory, {
    form: formOf(server),
    signal,
    ...(shiftMs === undefined ? {} : { shiftMs }),
    onProgress: (stage, doneBytes, totalBytes) => onProgress?.({ stage, doneBytes, totalBytes }),
  });
  const throwaway = await startThrowaway({
    binary,
    directory,
    databases: databasesFor(restoreSource, highestDb),
    openClient: (connection) => openRedis(connection),
    signal,
    onProgress: ({ loadedBytes, totalBytes, etaSeconds }) =>
      onProgress?.({ stage: 'loading', doneBytes: loadedBytes, totalBytes, etaSeconds }),
    ...(port === undefined ? {} : { port }),
    ...(password === undefined ? {} : { password }),
    ...(detached === undefined ? {} : { detached }),
  }).catch(async (error) => {
    throw await whyNotLoaded(error, directory);
  });
  try {
    using client = await openRedis({
      host: throwaway.host,
      port: throwaway.port,
      ...(password === undefined ? {} : { password }),
    });
    await refuseLoadErrors(client, throwaway.directory);
    return throwaway;
  } catch (error) {
    await throwaway.stop({ keepDirectory: true });
    throw error;
  }
}

/** Before anything is downloaded. @throws RecoveryError `RESTORE_REFUSED`; `CONFIG_INVALID` for a file that is no Redis */
export async function requireCopyable(binary: string, restoreSource: RestoreSource): Promise<Server> {
  const server = await serverVersion(binary);
  requireLoadable(binary, server, restoreSource.manifest);
  await requireMemory(restoreSource);
  return server;
}

/** As many as its own server had, and in any case those that backup and log write to. */
const databasesFor = ({ manifest }: RestoreSource, highestDb: number): number =>
  Math.max(1, manifest.server.databases, highestDb + 1, ...manifest.rdb.databases.map(({ db }) => db + 1));

const formOf = ({ product, version }: Server): AppendForm =>
  product === 'redis' && compareVersions(version, '7.0') < 0 ? 'single-file' : 'multi-part';

/** Too old a server ends at its start, and its log says so in words that nobody understands. */
function requireLoadable(binary: string, server: Server, { backupId, rdb, server: writer }: SnapshotManifest): void {
  const { loadable, why } = canLoad(server, rdb);
  if (loadable !== 'no') return;
  throw new RecoveryError('RESTORE_REFUSED', `${binary} cannot load backup ${backupId}: ${why}`, {
    next: `Use the server of ${writer.product} ${writer.version}, which wrote it, or a newer one.`,
  });
}

/**
 * A machine that runs out of memory ends what uses most of it: the Redis that people need, as likely as ours.
 * @throws RecoveryError `RESTORE_REFUSED`
 */
export async function requireMemory({ manifest, log }: RestoreSource): Promise<void> {
  const dataBytes = manifest.rdb.usedMemoryBytes ?? manifest.server.usedMemoryBytes;
  const needed = Math.round(dataBytes * MEMORY_SLACK) + Math.min(log?.bytes ?? 0, dataBytes);
  const { availableBytes, cgroup } = await hostMemory();
  const free = Math.min(availableBytes, cgroup ? cgroup.limitBytes - cgroup.usedBytes : Number.POSITIVE_INFINITY);
  if (needed <= free) return;
  throw new RecoveryError(
    'RESTORE_REFUSED',
    `a copy of the data takes about ${formatBytes(needed)} of memory, and ${formatBytes(Math.max(0, free))} are free on this machine`,
    { next: 'Do it on a machine with more memory.' },
  );
}
