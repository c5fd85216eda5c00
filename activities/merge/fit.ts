import type { ServerFacts } from '../../model/backup/manifest.ts';
import { FUNCTIONS, OTHER } from '../../model/data-class.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatCountOf, formatList } from '../../model/format.ts';
import { type MergeInput, unknownClasses } from '../../model/merge/merge.ts';
import { canLoad, maxRdbVersion, type Server } from '../../model/restore/rdb-versions.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { type ScanClassesOptions, scanClasses } from '../../redis/keys/scan-classes.ts';
import type { ProtectedInstance } from '../dependencies.ts';

/** @throws RecoveryError `INPUT_INVALID` that names what is no data class */
export function refuseUnknown({ classes: wanted }: MergeInput, { name, classes }: ProtectedInstance): void {
  const unknown = unknownClasses(wanted, classes);
  if (unknown.length === 0) return;
  throw new RecoveryError('INPUT_INVALID', `${name} has no data class ${formatList(unknown)}`, {
    next: `The data classes are: ${[...classes.map((one) => one.name), OTHER].join(', ')}; ${FUNCTIONS} are the function libraries.`,
  });
}

/** Keys can be put into a primary that stands alone. @throws RecoveryError `RESTORE_REFUSED`, `PLATFORM_UNSUPPORTED`, `REDIS_NOT_READY` */
export async function refuseUnfit(client: RedisClient, { role }: ServerFacts, { name }: ProtectedInstance): Promise<void> {
  await client.ping(); // not while it loads
  if (role === 'slave') {
    throw new RecoveryError('RESTORE_REFUSED', `${name} is a replica, and takes no keys but from its primary`, {
      next: 'Merge into its primary.',
    });
  }
  if (!(await client.info('cluster')).flag('cluster_enabled')) return;
  throw new RecoveryError('PLATFORM_UNSUPPORTED', `${name} is a node of a Redis Cluster, and would refuse the keys of others`, {
    next: 'Look into the data with `redis-backup clone`.',
  });
}

/** Values go over as the copy writes them. @throws RecoveryError `RESTORE_REFUSED` where the living Redis could read none of them */
export function refuseNewer(copy: Server, living: Server, instance: string): void {
  const values = {
    magic: copy.product === 'valkey' ? ('VALKEY' as const) : ('REDIS' as const),
    version: maxRdbVersion(copy).rdbVersion,
  };
  // Valkey before 9 writes what Redis reads.
  const { loadable, why } = canLoad(living, values.version < 80 ? { ...values, magic: 'REDIS' } : values);
  if (loadable !== 'no') return;
  throw new RecoveryError(
    'RESTORE_REFUSED',
    `${instance} could not read what a copy under ${copy.product} ${copy.version} gives: ${why}`,
    { next: `Let redis-server of version ${living.version} be the first on the PATH of the worker.` },
  );
}

/**
 * The databases of a copy that can be merged, each into the one of the same number.
 * @throws RecoveryError `RESTORE_REFUSED` for wanted keys in a database that the living Redis does not have
 */
export async function sharedDatabases(
  copy: RedisClient,
  living: ServerFacts,
  { name, classes }: ProtectedInstance,
  options: Pick<ScanClassesOptions, 'wanted' | 'signal'>,
): Promise<number[]> {
  const all = (await copy.dbsizes()).map(({ db }) => db);
  for (const db of all.filter((one) => one >= living.databases)) {
    await copy.command('SELECT', `${db}`);
    let keys = 0;
    for await (const page of scanClasses(copy, { classes, ...options })) keys += page.length;
    await copy.command('SELECT', '0');
    if (keys > 0) throw noDatabase(name, { db, keys, has: living.databases });
  }
  return all.filter((db) => db < living.databases);
}

const noDatabase = (name: string, { db, keys, has }: { db: number; keys: number; has: number }): RecoveryError =>
  new RecoveryError(
    'RESTORE_REFUSED',
    `${formatCountOf(keys, 'key')} of these classes would come back into database ${db}, and ${name} has ${formatCountOf(has, 'database')} (0 to ${has - 1})`,
    {
      next: `Set \`databases ${db + 1}\` in the configuration of ${name} and restart it, or restore other classes. Nothing was changed.`,
    },
  );
