import { formatBounds, formatBytes, formatCount, formatDuration, formatTime } from '../../model/format.ts';
import type { MergedReport, MergePlan } from '../../model/merge.ts';
import { table } from '../output/table.ts';

/** What `restore --only … --plan` prints. */
export function mergePlanText(plan: MergePlan): string {
  const { instance, backupId, takenAt, plannedAt, log, classes, warnings } = plan;
  const atMs = log?.untilMs ?? Date.parse(takenAt);
  const rows = classes.map(({ name, keysInBackup, aliveNow, keysNow }) => [
    `  ${name}`,
    formatCount(keysInBackup),
    formatBounds(aliveNow),
    formatCount(keysNow),
  ]);
  return [
    `Merge into ${instance} what it lacks of ${classes.map(({ name }) => name).join(', ')}, as it was ${formatTime(atMs, 'seconds')}, ${formatDuration(Date.parse(plannedAt) - atMs)} ago`,
    `from backup ${backupId}, taken ${formatTime(Date.parse(takenAt))}${log ? `, and ${formatBytes(log.bytes)} of log` : ''}`,
    '',
    table([['What may come back', 'in the backup', 'alive now', `in ${instance} now`], ...rows], [1, 2, 3]),
    ...(log ? ['  The log adds and removes keys on top of the backup.'] : []),
    '',
    'Redis goes on serving. Keys that it has are newer, and stay as they are; keys that come back keep their time of expiry.',
    ...(warnings.length > 0 ? ['', 'Take note', ...warnings.map((warning) => `  - ${warning}.`)] : []),
  ].join('\n');
}

export function mergedText({ instance, backupId, at, log, classes, warnings }: MergedReport): string {
  const rows = classes.map(({ name, restored, kept, expired, failed }) => [
    `  ${name}`,
    ...[restored, kept, expired, failed].map(formatCount),
  ]);
  return [
    `merged into ${instance} what it lacked, as it was ${formatTime(Date.parse(at), 'milliseconds')}, from ${backupId}${log ? ` and ${formatBytes(log.bytes)} of log` : ' alone'}`,
    table([['  data class', 'restored', 'kept, newer', 'expired', 'failed'], ...rows], [1, 2, 3, 4]),
    ...classes.flatMap(({ name, reasons }) =>
      reasons.map(({ reason, keys }) => `warning: ${formatCount(keys)} ${name} failed: ${reason}`),
    ),
    ...warnings.map((warning) => `warning: ${warning}`),
  ].join('\n');
}
