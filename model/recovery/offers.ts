import type { SnapshotManifest } from '../backup/manifest.ts';
import { type DataClass, FUNCTIONS } from '../data-class.ts';
import { parseUntil } from '../restore/until.ts';
import type { DataFacts } from './data-facts.ts';
import type { RestoreOffer } from './recovery.ts';

/**
 * What could be brought back, the newest moment first, the log before a backup of the same moment: it knows who signed out. A log
 * that is complete is the newest there is, whenever its last write was.
 */
export function offersOf({ settings, base, log, classes, functionsNow }: DataFacts): RestoreOffer[] {
  const lacksFunctions = typeof functionsNow === 'number' && functionsNow < (base?.rdb.functions ?? 0);
  const wanted = [...settings.restoreClasses, ...(lacksFunctions ? [FUNCTIONS] : [])];
  if (wanted.length === 0) return [];
  const live = wanted.some((name) => name === settings.sessionClass || isSensitive(classes, name));
  const ofLog: RestoreOffer[] = log
    ? [
        {
          classes: wanted,
          until: log.until,
          asOf: new Date(log.untilMs).toISOString(),
          revivesSignedOut: live && !log.complete,
        },
      ]
    : [];
  const ofBackup: RestoreOffer[] = base
    ? [{ classes: wanted, backupId: base.backupId, asOf: base.times.takenAt, revivesSignedOut: live }]
    : [];
  return base && log && isNewer(base, log) ? [...ofBackup, ...ofLog] : [...ofLog, ...ofBackup];
}

const isSensitive = (classes: readonly DataClass[], name: string): boolean =>
  classes.find((one) => one.name === name)?.sensitive ?? false;

/** By the offset where both are of one history, which no clock can move; else by their times. */
function isNewer({ replication, times }: SnapshotManifest, log: NonNullable<DataFacts['log']>): boolean {
  if (log.complete) return false;
  const end = parseUntil(log.until);
  if (end?.kind === 'offset' && end.timelineId.startsWith(`${replication.replid}-`)) return replication.offset > end.offset;
  return Date.parse(times.takenAt) > log.untilMs;
}

/** The whole command that brings an offer back by hand. */
export function offerCommand(instance: string, { classes, backupId, until }: RestoreOffer): string {
  const from = [...(backupId ? [backupId] : []), '--only', classes.join(','), ...(until ? ['--until', until] : [])];
  return `redis-backup restore ${instance} ${from.join(' ')} --yes`;
}
