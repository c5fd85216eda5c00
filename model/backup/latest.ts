import { classInWords } from '../data-class.ts';
import { RecoveryError } from '../errors.ts';
import { formatCount, formatCountOf, formatList } from '../format.ts';
import { backupsInOrder, historyOf, isFuture, takenAtMs } from './backup-time.ts';
import type { SnapshotManifest } from './manifest.ts';
import { holdsAsMuch, lostClasses, pushesOut, toCandidate } from './retention.ts';
import { type Beyond, beyondText } from './unusable.ts';

/** How far a data set of before is looked back for: keys expire, and a Redis that holds less for so long is meant to. */
const LOOK_BACK_MS = 7 * 86_400_000;

/**
 * What `latest` means, everywhere: the newest backup, unless a Redis that came up empty, or with a handful of new keys, was
 * backed up after its data was lost. A backup with less than a tenth of an older one, or of one of its data classes, does not
 * take its place, for a week.
 * Safety snapshots are what a restore replaced; they are asked for by name. A date in the future makes none the newest.
 * @param backups - manifests of one shard
 */
export function latestBackup(backups: readonly SnapshotManifest[], nowMs: number): SnapshotManifest | undefined {
  let latest: SnapshotManifest | undefined;
  for (const one of dated(backupsInOrder(backups, nowMs), nowMs)) {
    if (one.reason === 'safety') continue;
    if (!latest || isEmpty(latest) || (!isEmpty(one) && (pushesOut(toCandidate(one), toCandidate(latest)) || isOld(latest, one))))
      latest = one;
  }
  return latest;
}

/** The newest backup, where it is not what `latest` means, and why: as a clause. */
export interface PassedOver {
  latest: SnapshotManifest;
  newer: SnapshotManifest;
  why: string;
}

/** @param backups - manifests of one shard */
export function passedOver(backups: readonly SnapshotManifest[], nowMs: number): PassedOver | undefined {
  const latest = latestBackup(backups, nowMs);
  const newer = dated(backupsInOrder(backups, nowMs), nowMs).findLast(({ reason }) => reason !== 'safety');
  if (!latest || !newer || newer.backupId === latest.backupId) return undefined;
  return { latest, newer, why: whyNot(newer, latest) };
}

export const passedOverText = ({ latest, newer, why }: PassedOver): string =>
  `\`latest\` is ${latest.backupId}: the newer ${newer.backupId} ${why}`;

function whyNot(newer: SnapshotManifest, latest: SnapshotManifest): string {
  if (isEmpty(newer)) return 'is empty';
  const [after, before] = [toCandidate(newer), toCandidate(latest)];
  if (!holdsAsMuch(after, before))
    return after.parsed && before.parsed
      ? `holds ${formatCountOf(after.keys, 'key')}, less than a tenth of its ${formatCount(before.keys)}`
      : 'holds less than a tenth of its bytes';
  const names = lostClasses(after, before);
  const held = latest.census.classes.filter(({ name }) => names.includes(name));
  if (held.length === 0) return 'is of a Redis whose clock was ahead, by which keys had expired';
  return `has less than a tenth of its ${formatList(held.map(({ name, keys }) => `${formatCount(keys)} ${classInWords(name)}`))}`;
}

/** Without those of which only a date in the future says that they are new; with them, where there is nothing else. */
function dated(oldestFirst: readonly SnapshotManifest[], nowMs: number): readonly SnapshotManifest[] {
  const known = oldestFirst.filter(
    (one, i) =>
      !isFuture(one, nowMs) ||
      (historyOf(one) !== undefined &&
        oldestFirst.slice(0, i).some((other) => historyOf(other) === historyOf(one) && !isFuture(other, nowMs))),
  );
  return known.some(({ reason }) => reason !== 'safety') ? known : oldestFirst;
}

/** Nothing was in it: never a good backup, whatever its age. */
export const isEmpty = ({ rdb }: SnapshotManifest): boolean => rdb.parsed && rdb.keys === 0;

const isOld = (older: SnapshotManifest, newer: SnapshotManifest): boolean => takenAtMs(newer) - takenAtMs(older) > LOOK_BACK_MS;

/** Nothing that could be restored. What is there and cannot be used is named: it may be what was looked for. */
export const noBackup = (instance: string, unusable: readonly Beyond[] = []): RecoveryError =>
  new RecoveryError(
    'BACKUP_NONE',
    [`there is no backup of ${instance} that can be used`, ...unusable.map(beyondText)].join('; '),
    {
      next:
        unusable.length > 0
          ? `Find out who changed them: \`redis-backup list ${instance}\` names them; take a new one with \`redis-backup backup ${instance}\`.`
          : `Take one with \`redis-backup backup ${instance}\`; if there must be one, look at the repository in the configuration.`,
    },
  );
