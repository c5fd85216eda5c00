import { formatBounds, formatBytes, formatCount, formatDuration, formatTime } from '../model/format.ts';
import type { RestoreReport } from '../model/operations.ts';
import { standing } from '../model/restore/stands-check.ts';

/** What a finished restore did, proved and lost. */
export function restoreText(report: RestoreReport): string {
  const { instance, backupId, takenAt, keysAfter, proof } = report;
  // What spoils the next start comes before the good news.
  const urgent = report.live?.configFile ? report.warnings.slice(0, 1) : [];
  const lines = [
    ...urgent.map((warning) => `warning: ${warning}`),
    report.log
      ? `restored ${instance} as it was ${formatTime(Date.parse(report.log.until), 'milliseconds')}, from ${backupId} and ${formatBytes(report.log.bytes)} of log`
      : `restored ${instance} from ${backupId}`,
    `  after: ${standing(keysAfter)}`,
    ...byDatabase(keysAfter),
    `  proof: ${proof}`,
    `  lost: every write since ${report.log ? `${formatTime(Date.parse(report.log.until), 'milliseconds')}${report.log.offset === undefined ? '' : `, offset ${report.log.offset}`}` : formatTime(Date.parse(takenAt), 'seconds')}`,
    ...report.losses.revived.map(
      ({ name, atMost }) => `  signed in again: at most ${formatCount(atMost)} ${name} that were signed out since`,
    ),
    report.live
      ? `  refused writes for ${formatDuration(report.live.writesRefusedSeconds * 1000)}; reads were served${report.live.load === 'swapdb' ? ' all the time' : ', but for LOADING'}`
      : downtimeText(report),
    ...report.applications.map(({ name, verdict, detail }) => `  application ${name}: ${verdict}${detail ? `, ${detail}` : ''}`),
    ...(report.safetyBackupId ? [`  what was there before: backup ${report.safetyBackupId}`] : []),
    ...(report.keptAside
      ? [
          `  its files: ${report.keptAside.directory}, ${formatBytes(report.keptAside.bytes)}; ${report.keptAside.onlyCopy ? `the only copy: nothing removes them but \`redis-backup leftovers ${instance} --remove OPERATION\`` : 'they go when a later restore has been proved'}`,
        ]
      : []),
    ...(report.removedAside ? [`  removed: what ${report.removedAside.join(', ')} had left beside the data`] : []),
    ...report.warnings.slice(urgent.length).map((warning) => `warning: ${warning}`),
  ];
  return lines.join('\n');
}

const downtimeText = ({ downtimeSeconds, wasDown }: RestoreReport): string =>
  wasDown
    ? `  Redis did not answer when the restore began; from the start of the new process to its first answer: ${formatDuration(downtimeSeconds * 1000)}`
    : `  served nobody for ${formatDuration(downtimeSeconds * 1000)}`;

/** Where there are several. */
const byDatabase = ({ databases }: RestoreReport['keysAfter']): string[] =>
  databases.length < 2
    ? []
    : [
        `    ${databases
          .map(({ name, keys, promised }) => `${name} ${formatCount(keys)}${promised ? ` of ${formatBounds(promised)}` : ''}`)
          .join(', ')}`,
      ];
