import { aofBytes, aofStoredBytes } from '../../model/backup/aof-backup.ts';
import type { AofManifest } from '../../model/backup/aof-manifest.ts';
import { clockDoubt, isFuture, provenAtMs } from '../../model/backup/backup-time.ts';
import { passedOver, passedOverText } from '../../model/backup/latest.ts';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { beyondText } from '../../model/backup/unusable.ts';
import { formatBytes, formatCount, formatDuration, formatTime } from '../../model/format.ts';
import { type Period, restorableText } from '../../model/restore/restorable.ts';
import { type Catalog, type CatalogedLog, catalogOf } from '../catalog.ts';
import { type CommandSpec, someShards } from '../command.ts';
import { table } from '../output/table.ts';
import { whoseBackups } from '../whose.ts';
import { SOME_INSTANCES } from './instance-argument.ts';

/** `list [INSTANCE]`: what can be restored, from the repository alone. */
export const listCommand: CommandSpec = {
  name: 'list',
  about: 'lists the backups that can be restored, oldest first',
  arguments: [SOME_INSTANCES],
  options: [],
  exits: '0 also when there is none; ask `status` whether the last one is fresh',
  async run({ config, repository, output, now }, given) {
    const loaded = await config();
    const asked = someShards(loaded, given.arguments[0]);
    const store = await repository();
    const catalogs = await Promise.all(asked.map((one) => catalogOf(store, one, now())));
    const whose = await Promise.all(asked.map(({ instance }) => whoseBackups(loaded, store, instance)));
    const backups = catalogs.flatMap((one) => one.backups.map(listed));
    const problems = catalogs.flatMap((one) => one.problems.map((problem) => ({ instance: one.instance, ...problem })));
    const aofBackups = catalogs.flatMap((one) => one.logs.map(listedLog));
    const archives = catalogs.flatMap((one) => one.archive.map((log) => listedArchive(one.instance, log)));
    const restorable = catalogs.flatMap((one) => one.restorable.map((what) => listedRestorable(one.instance, what)));
    const foreign = asked.flatMap(({ instance }, at) => {
      const { foreignOwner } = whose[at] ?? {};
      return foreignOwner ? [{ instance, owner: foreignOwner }] : [];
    });
    output.result(
      { backups, aofBackups, problems, archives, restorable, ...(foreign.length > 0 ? { foreign } : {}) },
      catalogs.map((catalog, at) => [...(whose[at]?.lines ?? []), listText(catalog, now())].join('\n')).join('\n'),
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
  ...(manifest.times.storeOffsetMs === undefined ? {} : { storeOffsetMs: manifest.times.storeOffsetMs }),
  reason: manifest.reason,
  method: manifest.method,
  keys: manifest.rdb.keys,
  counted: manifest.rdb.parsed,
  rdbBytes: manifest.rdb.bytes,
  storedBytes: manifest.stored.bytes,
  redisVersion: manifest.server.version,
});

export const listedLog = (manifest: AofManifest) => ({
  instance: manifest.instance,
  shard: manifest.shard,
  backupId: manifest.backupId,
  takenAt: manifest.times.takenAt,
  reason: manifest.reason,
  form: manifest.form,
  bytes: aofBytes(manifest),
  storedBytes: aofStoredBytes(manifest),
  redisVersion: manifest.server.version,
});

/** The continuous log of one shard in `list --json`. */
const listedArchive = (instance: string, { shard, fromMs, toMs, damage, gaps, restarts, clocks }: CatalogedLog) => ({
  instance,
  shard,
  ...(fromMs === undefined ? {} : { from: new Date(fromMs).toISOString() }),
  ...(toMs === undefined ? {} : { to: new Date(toMs).toISOString() }),
  damage,
  gaps,
  restarts,
  clocks,
});

const isoPeriod = ({ fromMs, toMs }: Period) => ({
  from: new Date(fromMs).toISOString(),
  to: new Date(toMs).toISOString(),
});

/** `list --json`: any moment of a period but those that are not certain, and the moments of backups that lie in none. */
const listedRestorable = (instance: string, { shard, periods, uncertain, aloneMs }: Catalog['restorable'][number]) => ({
  instance,
  shard,
  periods: periods.map(isoPeriod),
  uncertain: uncertain.map((one) => ({ ...isoPeriod(one), why: one.why })),
  alone: aloneMs.map((atMs) => new Date(atMs).toISOString()),
});

/** @param now - milliseconds since 1970 */
export function listText(catalog: Catalog, now: number): string {
  const { instance, backups, logs, problems, archive, restorable } = catalog;
  const several = hasSeveralShards(catalog);
  const rows = backups.map((one) => [
    nameOf(one, several),
    ageOf(one, now),
    one.rdb.parsed ? formatCount(one.rdb.keys) : 'not counted',
    formatBytes(one.rdb.bytes),
    formatBytes(one.stored.bytes),
    one.server.version,
    one.reason,
  ]);
  const header = ['backup', 'age', 'keys', 'RDB', 'stored', 'Redis', 'reason'];
  return [
    rows.length === 0 ? `${instance}: no backups` : `${instance}\n${table([header, ...rows], [1, 2, 3, 4])}`,
    ...(logs.length > 0 ? [logsText(logs, now, several)] : []),
    ...restorable.flatMap((one) => restorableLine(one, several)),
    ...archive.flatMap((one) => archiveText(one, several)),
    ...clockDoubts([...backups, ...logs], now).map((doubt) => `warning: ${doubt}`),
    ...latestDoubts(backups, now).map((doubt) => `warning: ${doubt}`),
    ...problems.map((one) => `warning: ${nameOf(one, several)} is there and cannot be restored: ${one.message}`),
  ].join('\n');
}

/** Only then is a shard named. */
const hasSeveralShards = ({ backups, logs, problems, archive, restorable }: Catalog): boolean =>
  new Set([...backups, ...logs, ...problems, ...archive, ...restorable].map(({ shard }) => shard)).size > 1;

function restorableLine({ shard, ...what }: Catalog['restorable'][number], several: boolean): string[] {
  const text = restorableText(what);
  return text === undefined ? [] : [several ? `shard ${shard} ${text}` : text];
}

/** What it covers, and each part that it lacks. */
function archiveText({ shard, fromMs, toMs, damage, gaps, restarts, clocks }: CatalogedLog, several: boolean): string[] {
  const name = several ? `log of shard ${shard}` : 'log';
  const covers =
    fromMs === undefined || toMs === undefined
      ? `${name}: nothing of it can be read`
      : `${name}: from ${formatTime(fromMs, 'seconds')} until ${formatTime(toMs, 'seconds')}`;
  return [
    covers,
    ...[...gaps, ...restarts].map((one) => `  ${beyondText(one)}`),
    ...[...damage, ...clocks].map((one) => `warning: ${beyondText(one)}`),
  ];
}

const ageOf = (one: SnapshotManifest | AofManifest, now: number): string =>
  isFuture(one, now) ? 'unknown' : formatDuration(now - provenAtMs(one));

const clockDoubts = (all: readonly (SnapshotManifest | AofManifest)[], now: number): string[] =>
  all.map((one) => clockDoubt(one, now)).filter((doubt) => doubt !== undefined);

/** Where `latest` is not the newest of a shard. */
const latestDoubts = (backups: readonly SnapshotManifest[], now: number): string[] =>
  [...new Set(backups.map(({ shard }) => shard))]
    .map((shard) =>
      passedOver(
        backups.filter((one) => one.shard === shard),
        now,
      ),
    )
    .flatMap((found) => (found ? [passedOverText(found)] : []));

function logsText(logs: readonly AofManifest[], now: number, several: boolean): string {
  const rows = logs.map((one) => [
    nameOf(one, several),
    ageOf(one, now),
    formatBytes(aofBytes(one)),
    formatBytes(aofStoredBytes(one)),
    one.server.version,
    one.reason,
  ]);
  return table([['AOF backup', 'age', 'log', 'stored', 'Redis', 'reason'], ...rows], [1, 2, 3]);
}

const nameOf = ({ shard, backupId }: { shard: string; backupId: string }, several: boolean) =>
  several ? `${shard}/${backupId}` : backupId;
