import { readFile } from 'node:fs/promises';
import type { Dependencies, ProtectedInstance } from '../activities/dependencies.ts';
import { openArchive } from '../activities/open-archive.ts';
import type { ApplicationConfig, ArchiveConfig, Config, InstanceConfig, InstanceShard } from '../config/config.ts';
import { instanceNames, instanceOf, shardsOf } from '../config/load.ts';
import { type ResolvedShard, resolveShard, resolveStore } from '../config/resolve.ts';
import { targetOf } from '../config/target.ts';
import { RecoveryError } from '../model/errors.ts';
import { withNamesOfConf } from '../model/renamed-commands.ts';
import type { ApplicationProbe } from '../probes/connectivity.ts';
import type { RedisConnection } from '../redis/client/connection.ts';
import { openRepository, type Repository } from '../repository/repository.ts';
import { type OpenParts, openParts, type PlatformParts, partsHere } from './parts.ts';

/**
 * Builds what the activities work with from the configuration. Secrets are read anew for each activity: a rotated password
 * needs no restart of the worker.
 */
export async function createDependencies(
  config: Config,
  { requireLock, archiver, operations, draining }: Pick<Dependencies, 'requireLock' | 'archiver' | 'operations' | 'draining'>,
  parts: OpenParts = openParts,
): Promise<Dependencies> {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  let repository: Promise<Repository> | undefined;
  const open = async () => openRepository(await resolveStore(config));
  const partsOf = (of: Parameters<typeof partsHere>[1]) => partsHere(config, of, parts);
  const deps: Dependencies = {
    host: config.worker.host,
    softwareVersion: version,
    ...(config.worker.spool ? { spool: config.worker.spool } : {}),
    ...(config.worker.live ? { live: config.worker.live } : {}),
    now: Date.now,
    requireLock,
    archiver,
    operations,
    draining,
    archive: async (of) => {
      const instance = config.instances[of.instance];
      const here = instance && shardsOf(instance).find(({ shard }) => shard === of.shard); // the repository may have one that is gone
      return openArchive(await deps.repository(), of, here && (await archiveHere(here, partsOf)));
    },
    async instance(name) {
      const found = readByUs(config, name);
      const shards = shardsOf(found).map(({ instance, shard, name }) => ({ instance, shard, name }));
      return { shards, retention: found.retention, ...targetPart(config, name) };
    },
    async shard(of) {
      readByUs(config, of.instance);
      const resolved = await resolveShard(config, of);
      const found = protectedInstance(resolved, partsOf({ platform: resolved.platform, redis: resolved.connection }));
      const archive = await archiveHere(resolved, partsOf);
      return { ...found, ...(archive ? { archive } : {}), ...targetPart(config, of.instance) };
    },
    instances: () => instanceNames(config),
    repository() {
      repository ??= open().catch((error) => {
        repository = undefined; // a credential that isn't there yet is asked for again
        throw error;
      });
      return repository;
    },
  };
  return deps;
}

/** The file may have it by now, or another file of that name: what counts is what this worker has read. */
function readByUs(config: Config, name: string): InstanceConfig {
  const { worker, origin } = config;
  try {
    return instanceOf(config, name);
  } catch (error) {
    if (!(error instanceof RecoveryError)) throw error;
    throw new RecoveryError(
      'INSTANCE_UNKNOWN',
      `there is no instance "${name}" in ${origin.file}, as the worker on ${worker.host} has read it`,
      {
        next: `${error.next} A file that has changed is taken over within 10 s; \`redis-backup check\` says what a worker has otherwise.`,
        cause: error,
      },
    );
  }
}

function targetPart(config: Config, name: string): Pick<ProtectedInstance, 'target'> {
  const target = targetOf(config, name, 'worker');
  return target ? { target } : {};
}

function protectedInstance(
  { instance, shard, name, connection, dataClasses, backup, retention, applications, recovery, watch }: ResolvedShard,
  parts: PlatformParts,
): ProtectedInstance {
  const { method, compressionLevel, uncompressedFork } = backup;
  return {
    instance,
    shard,
    name,
    connection: connectionHere(connection, parts),
    classes: dataClasses,
    backup: { method, compressionLevel, uncompressedFork },
    retention,
    applications: applications.map(probeOf),
    applicationsTimeoutMs: Math.max(0, ...applications.map(({ timeoutMs }) => timeoutMs)),
    recovery,
    ...(watch ? { watch } : {}),
    ...parts,
  };
}

/** The settings of the continuous log, with the names that commands have by redis.conf, where its platform is at hand. */
async function archiveHere(
  shard: InstanceShard,
  partsOf: (shard: InstanceShard) => PlatformParts,
): Promise<ArchiveConfig | undefined> {
  const { archive } = shard;
  if (!archive) return undefined;
  const { control } = partsOf(shard);
  return control?.isAtHand ? withNamesOfConf(archive, () => control.open().confKnowledge()) : archive;
}

/** Where its platform is at hand, redis.conf tells what commands are called, and what the settings are of a Redis that may not be asked. */
function connectionHere(connection: RedisConnection, { control }: PlatformParts): RedisConnection {
  if (!control?.isAtHand) return connection;
  return Object.assign(connection, { conf: () => control.open().confKnowledge() });
}

function probeOf(application: ApplicationConfig): ApplicationProbe {
  const { name, required } = application;
  if (application.kind === 'http') return { kind: 'http', name, required, urls: [application.url] };
  if (application.kind === 'command') return { kind: 'command', name, required, command: application.command };
  const { addresses, names, quorum } = application;
  return {
    kind: 'clients',
    name,
    required,
    expected: quorum,
    ...(addresses ? { addresses } : {}),
    ...(names ? { clientNames: names } : {}),
  };
}
