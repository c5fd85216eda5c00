import type { AofManifest } from '../../model/backup/aof-manifest.ts';
import { clockDoubt, isFuture, provenAtMs } from '../../model/backup/backup-time.ts';
import type { Census } from '../../model/backup/census.ts';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { placeText } from '../../model/backup/owner.ts';
import { beyondText } from '../../model/backup/unusable.ts';
import { OTHER } from '../../model/data-class.ts';
import { formatBytes, formatCount, formatCountOf, formatDuration, formatTime } from '../../model/format.ts';
import { findAofBackup, findBackup } from '../catalog.ts';
import { type CommandSpec, instanceAndBackup } from '../command.ts';
import { table } from '../output/table.ts';
import { whoseBackups } from '../whose.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

/** `show [INSTANCE] [BACKUP_ID]`: the manifest of one backup. */
export const showCommand: CommandSpec = {
  name: 'show',
  about: 'shows what one backup holds',
  arguments: [
    ONE_INSTANCE,
    {
      name: 'BACKUP_ID',
      about:
        'as `list` shows it; `latest`, the default, is the newest, but no empty one, nor one with less than a tenth of an older one or of one of its data classes (for a week)',
    },
  ],
  options: [],
  async run({ config, repository, output, now }, given) {
    const loaded = await config();
    const { redis: of, backupId } = instanceAndBackup(loaded, given, 'show');
    const { lines, ...whose } = await whoseBackups(loaded, await repository(), of.instance);
    const first = lines.map((line) => `${line}\n`).join('');
    const log = await findAofBackup(await repository(), of, backupId);
    if (log) {
      output.result({ ...log, ...whose }, `${first}${showAofText(log, of.name, now())}`);
      return undefined;
    }
    const { manifest, beyond } = await findBackup(await repository(), of, backupId, now());
    for (const one of beyond) output.note(`warning: not the newest: ${beyondText(one)}`);
    output.result({ ...manifest, ...whose }, `${first}${showText(manifest, of.name, now())}`);
    return undefined;
  },
};

/** @param name - what people call the Redis @param now - milliseconds since 1970 */
export function showText(manifest: SnapshotManifest, name: string, now: number): string {
  const { backupId, times, rdb, stored, server, replication, method, reason, software } = manifest;
  const takenMs = Date.parse(times.takenAt);
  const facts = [
    ['taken', `${formatTime(takenMs, 'seconds')}, ${ageText(manifest, now)}; ${reason}, by ${method}`],
    ...clockFact(manifest, now),
    ['server', `${server.product} ${server.version}, run ${server.runId}`],
    ...(manifest.takenFrom ? [['of', placeText(manifest.takenFrom)]] : []),
    ['replication', `${replication.replid}, offset ${replication.offset}`],
    [
      'keys',
      rdb.parsed
        ? `${formatCount(rdb.keys)}, ${formatCount(rdb.expires)} with a time to live`
        : `not all counted: ${rdb.unparsed}`,
    ],
    ['databases', rdb.databases.map(({ db, keys }) => `db${db} ${formatCount(keys)}`).join(', ') || 'none'],
    ...(rdb.functions > 0 ? [['functions', formatCountOf(rdb.functions, 'library', 'libraries')]] : []),
    ...(rdb.moduleTypes.length > 0 ? [['modules', rdb.moduleTypes.join(', ')]] : []),
    ['RDB', `version ${rdb.version}, ${formatBytes(rdb.bytes)}, CRC64 ${rdb.crc64}`],
    ['stored', `${stored.file}, ${formatBytes(stored.bytes)}`],
    ['SHA-256', stored.sha256],
    ['policy', `save "${server.policy.save}", appendonly ${server.policy.appendonly}, appendfsync ${server.policy.appendfsync}`],
    ['software', `${software.name} ${software.version}, format ${manifest.formatVersion}`],
  ];
  return `${name} ${backupId}\n${table(facts.map(([what = '', value = '']) => [`  ${what}`, value]))}\n\n${classesText(manifest.census)}`;
}

const ageText = (one: SnapshotManifest | AofManifest, now: number): string =>
  isFuture(one, now) ? 'age unknown' : `${formatDuration(now - provenAtMs(one))} ago`;

function clockFact(one: SnapshotManifest | AofManifest, now: number): string[][] {
  const doubt = clockDoubt(one, now);
  return doubt === undefined ? [] : [['clock', doubt]];
}

/** The same of a copy of an append-only log. */
export function showAofText(manifest: AofManifest, name: string, now: number): string {
  const { backupId, times, server, replication, reason, form, files, base } = manifest;
  const takenMs = Date.parse(times.takenAt);
  const facts = [
    ['taken', `${formatTime(takenMs, 'seconds')}, ${ageText(manifest, now)}; ${reason}`],
    ...clockFact(manifest, now),
    ['server', `${server.product} ${server.version}, run ${server.runId || 'unknown'}`],
    ['replication', `${replication.replid || 'unknown'}, offset ${replication.offset}`],
    ['form', form],
    ...files.map(({ name, bytes, stored }) => [
      'file',
      `${name}, ${formatBytes(bytes)}, stored as ${stored.file}, ${formatBytes(stored.bytes)}`,
    ]),
    ['base', base ? `RDB version ${base.rdb.version}, ${formatCountOf(base.rdb.keys, 'key')}` : 'none: it begins with commands'],
  ];
  const text = table(facts.map(([what = '', value = '']) => [`  ${what}`, value]));
  return `${name} AOF backup ${backupId}\n${text}${base ? `\n\nOf its base:\n${classesText(base.census)}` : ''}`;
}

/** Classes without keys are shown too: an empty class is news. */
function classesText(census: Census): string {
  const rows = census.classes.map(({ name, keys, persistent, expired }) => [
    name === OTHER ? 'other (no class)' : name,
    formatCount(keys),
    formatCount(persistent),
    formatCount(expired),
  ]);
  return table([['data class', 'keys', 'without TTL', 'expired'], ...rows], [1, 2, 3]);
}
