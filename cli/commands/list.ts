import { formatBytes, formatCount, formatDuration } from '../../model/format.ts';
import { ONLY_SHARD } from '../../model/instance.ts';
import type { SnapshotManifest } from '../../model/manifest.ts';
import { type CommandSpec, someInstances } from '../command.ts';
import { table } from '../output/table.ts';
import { SOME_INSTANCES } from './instance-argument.ts';

/** `list [INSTANCE]`: what can be restored, from the repository alone. */
export const list: CommandSpec = {
  name: 'list',
  about: 'lists the backups that can be restored, oldest first',
  arguments: [SOME_INSTANCES],
  options: [],
  exits: '0 also when there is none; ask `status` whether the last one is fresh',
  async run({ config, repository, output, now }, given) {
    const instances = someInstances(await config(), given.arguments[0]);
    const store = await repository();
    const found = await Promise.all(
      instances.map(async (instance) => ({ instance, ...(await store.listWithProblems(instance)) })),
    );
    const backups = found.flatMap(({ manifests }) => manifests.map(listed));
    const problems = found.flatMap((one) => one.problems.map(({ key, message }) => ({ instance: one.instance, key, message })));
    output.result(
      { backups, problems },
      [...found.map((one) => listText(one.instance, one.manifests, now())), ...problems.map(problemText)].join('\n'),
    );
    return undefined;
  },
};

/** One line of `list --json`. */
export const listed = (manifest: SnapshotManifest) => ({
  instance: manifest.instance,
  shard: manifest.shard,
  backupId: manifest.backupId,
  takenAt: manifest.times.takenAt,
  reason: manifest.reason,
  method: manifest.method,
  keys: manifest.rdb.keys,
  counted: manifest.rdb.parsed,
  rdbBytes: manifest.rdb.bytes,
  storedBytes: manifest.stored.bytes,
  redisVersion: manifest.server.version,
});

/** @param now - milliseconds since 1970 */
export function listText(instance: string, manifests: readonly SnapshotManifest[], now: number): string {
  if (manifests.length === 0) return `${instance}: no backups`;
  const rows = manifests.map((one) => [
    one.shard === ONLY_SHARD ? one.backupId : `${one.shard}/${one.backupId}`,
    formatDuration(now - Date.parse(one.times.takenAt)),
    one.rdb.parsed ? formatCount(one.rdb.keys) : 'not counted',
    formatBytes(one.rdb.bytes),
    formatBytes(one.stored.bytes),
    one.server.version,
    one.reason,
  ]);
  return `${instance}\n${table([['backup', 'age', 'keys', 'RDB', 'stored', 'Redis', 'reason'], ...rows], [1, 2, 3, 4])}`;
}

const problemText = ({ key, message }: { key: string; message: string }) =>
  `warning: ${key} is there and cannot be restored: ${message}`;
