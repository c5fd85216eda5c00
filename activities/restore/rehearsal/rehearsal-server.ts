import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { SnapshotManifest } from '../../../model/backup/manifest.ts';
import { RecoveryError } from '../../../model/errors.ts';
import type { TargetFacts } from '../../../model/restore/plan/plan.ts';
import { canLoad, type Server } from '../../../model/restore/rdb-versions.ts';
import { reasonIn, tailOf } from '../../../platforms/host/log-tail.ts';
import { LOG_FILE } from '../../../platforms/throwaway/conf.ts';
import { findServerBinary } from '../../../platforms/throwaway/server-binary.ts';
import { serverVersion } from '../../../platforms/throwaway/server-version.ts';
import { startThrowaway, type Throwaway } from '../../../platforms/throwaway/throwaway.ts';
import { openRedis, type RedisClient } from '../../../redis/client/client.ts';
import type { ProtectedInstance } from '../../dependencies.ts';

/** A throw-away Redis that refuses of a log what the target would refuse. */
export interface RehearsalServer {
  throwaway: Throwaway;
  client: RedisClient;
  server: Server;
}

/** Nobody is served by it, so nobody is hurt by how long it waits. */
const PATIENCE_SECONDS = 24 * 3600;
const PATIENCE_MS = 2 ** 31 - 1;

/** What we ask it ourselves: none of it is in a log that is replayed. */
const OURS = new Set(['AUTH', 'INFO', 'PING', 'REPLICAOF', 'CONFIG', 'SAVE', 'PSYNC', 'REPLCONF']);

/**
 * The program for it: that of the Redis that runs, or that ran last; else the first on PATH.
 * @throws RecoveryError `CONFIG_INVALID` when there is none, `RESTORE_REFUSED` for one that cannot load the backup
 */
export async function rehearsalBinary(
  target: ProtectedInstance,
  manifest: SnapshotManifest,
): Promise<{ binary: string; server: Server }> {
  const binary = await findServerBinary(await programOf(target));
  const server = await serverVersion(binary);
  const { loadable, why } = canLoad(server, manifest.rdb);
  if (loadable !== 'no') return { binary, server };
  throw new RecoveryError('RESTORE_REFUSED', `${binary} cannot load backup ${manifest.backupId}: ${why}`, {
    next: `Install ${manifest.server.product} ${manifest.server.version}, which wrote it, or a newer one.`,
  });
}

async function programOf({ files }: ProtectedInstance): Promise<{ explicit?: string }> {
  if (!files?.isAtHand) return {};
  const { program } = await files.throwawayNeeds();
  return program === undefined ? {} : { explicit: program };
}

export interface StartRehearsalServerOptions {
  directory: string;
  binary: string;
  server: Server;
  /** Databases that it has where the configuration of the target does not say. */
  databases: number;
  signal: AbortSignal;
}

/** Starts it empty. @throws RecoveryError `START_FAILED` */
export async function startRehearsalServer(
  target: ProtectedInstance,
  { server, ...options }: StartRehearsalServerOptions,
): Promise<RehearsalServer> {
  const password = randomBytes(24).toString('base64url');
  const throwaway = await startThrowaway({
    ...options,
    password,
    isEmpty: true,
    openClient: (connection) => openRedis(connection),
    directives: [
      ['dbfilename', 'dump.rdb'],
      ['repl-timeout', `${PATIENCE_SECONDS}`],
      ['repl-diskless-load', 'on-empty-db'],
      ...(await linesOf(target)),
    ],
  });
  try {
    const { host, port } = throwaway;
    return { throwaway, server, client: await openRedis({ host, port, password }, { commandTimeoutMs: PATIENCE_MS }) };
  } catch (error) {
    await throwaway.stop({ keepDirectory: true });
    throw error;
  }
}

/** Lines of the configuration of the target that decide what it takes of a log: modules, databases, names of commands. */
async function linesOf({ files }: ProtectedInstance): Promise<[string, ...string[]][]> {
  if (!files?.isAtHand) return [];
  const { directives } = await files.throwawayNeeds();
  return directives.filter(([name, command = '']) => name !== 'rename-command' || !OURS.has(command.toUpperCase()));
}

/** How many databases the target has: by its redis.conf, as it runs, or as the Redis that was backed up. */
export const databasesOf = ({ databases, server }: TargetFacts, manifest: SnapshotManifest): number =>
  Math.max(1, databases ?? server?.databases ?? manifest.server.databases);

/** Why it is gone, in the words of its log; undefined while it runs. */
export async function hasEnded({ throwaway }: RehearsalServer): Promise<RecoveryError | undefined> {
  if (await throwaway.isRunning()) return undefined;
  const reason = reasonIn(await tailOf(join(throwaway.directory, LOG_FILE), 40));
  return new RecoveryError('START_FAILED', `the throw-away Redis ended while it loaded base and log: ${reason}`, {
    next: 'Look whether it lacks a module, or the machine memory.',
  });
}
