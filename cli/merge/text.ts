import { formatBounds, formatBytes, formatCount, formatDuration, formatTime } from '../../model/format.ts';
import type { MergedReport, MergePlan } from '../../model/merge/merge.ts';
import { mergeMoment } from '../../model/merge/outcome.ts';
import { beyondLines } from '../../model/restore/plan/unusable.ts';
import { doubtLine } from '../../model/restore/target-doubt.ts';
import { table } from '../output/table.ts';

/** What `restore --only … --plan` prints. */
export function mergePlanText(plan: MergePlan): string {
  const { name: instance, backupId, takenAt, plannedAt, log, beyond, classes, refusals, warnings } = plan;
  const atMs = log?.untilMs ?? Date.parse(takenAt);
  return [
    ...doubtLine({ doubts: plan.targetDoubts }),
    `Merge into ${instance} what it lacks of ${classes.map(({ name }) => name).join(', ')}, as it was ${mergeMoment(plan)}, ${formatDuration(Date.parse(plannedAt) - atMs)} ago`,
    `from backup ${backupId}, taken ${formatTime(Date.parse(takenAt))}${log ? `, and ${formatBytes(log.bytes)} of log` : ''}`,
    ...(beyond.length > 0 ? ['', ...beyondLines({ beyond })] : []),
    '',
    ...refusals.flatMap(({ message, next }) => [`Refused: ${message}.`, `  ${next}`, '']),
    ...countsOf(plan),
    '',
    'Redis goes on serving. Keys that it has are newer, and stay as they are; keys that come back keep their time of expiry.',
    ...(warnings.length > 0 ? ['', 'Take note', ...warnings.map((warning) => `  - ${warning}.`)] : []),
  ].join('\n');
}

function countsOf({ name: instance, classes, rehearsal, log }: MergePlan): string[] {
  if (!rehearsal) {
    const rows = classes.map(({ name, keysInBackup, aliveNow, keysNow }) => [
      `  ${name}`,
      formatCount(keysInBackup),
      formatBounds(aliveNow),
      formatCount(keysNow),
    ]);
    const head = ['Estimate: what may come back', 'in the backup', 'alive now', `in ${instance} now`];
    return [
      table([head, ...rows], [1, 2, 3]),
      ...(log ? ['  The log adds and removes keys on top of the backup: how many is not known.'] : []),
    ];
  }
  const rows = rehearsal.classes.map(({ name, alive, there }) => {
    const { keysInBackup = 0, keysNow = 0 } = classes.find((one) => one.name === name) ?? {};
    return [`  ${name}`, ...[keysInBackup, keysNow, alive, alive - there].map(formatCount)];
  });
  const { memoryBytes, room } = rehearsal.needs;
  const of =
    room.maxmemoryBytes > 0 ? `, uses ${formatBytes(room.countedBytes)} of maxmemory ${formatBytes(room.maxmemoryBytes)}` : '';
  return [
    table([['What comes back', 'in the backup', `in ${instance} now`, 'alive in the copy', 'comes back'], ...rows], [1, 2, 3, 4]),
    `  Counted in a copy that was loaded${log ? ', log and all' : ''}. They take about ${formatBytes(memoryBytes)} of memory; ${instance}${of || ' has no maxmemory'}.`,
  ];
}

export function mergedText(report: MergedReport): string {
  const { instance, backupId, at, log, classes, toDo, warnings, outcome } = report;
  const rows = classes.map(({ name, restored, kept, expired, failed, promised, standing }) => [
    `  ${name}`,
    ...[restored, kept, expired, failed].map(formatCount),
    `${formatCount(standing)} of ${formatCount(promised)}`,
  ]);
  return [
    `${outcome === 'incomplete' ? 'not all came back: ' : ''}merged into ${instance} what it lacked, as it was ${formatTime(Date.parse(at), 'milliseconds')}, from ${backupId}${log ? ` and ${formatBytes(log.bytes)} of log` : ' alone'}`,
    table([['  data class', 'restored', 'kept, newer', 'expired', 'failed', 'there at the end'], ...rows], [1, 2, 3, 4, 5]),
    ...toDo.map((one) => `to do: ${one}.`),
    ...classes.flatMap(({ name, reasons }) =>
      reasons.map(({ reason, keys }) => `warning: ${formatCount(keys)} ${name} failed: ${reason}`),
    ),
    ...warnings.map((warning) => `warning: ${warning}`),
  ].join('\n');
}
