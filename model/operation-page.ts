import { formatBytes, formatCount, formatDuration, formatTime } from './format.ts';
import type { BackupResult, RestoreReport } from './operations.ts';
import { standing } from './restore/stands-check.ts';

/** The page goes through a URL: a sentence of it is no longer than this. */
const MOST_LETTERS = 300;

/** What a finished operation did, proved and lost, in the lines of its page. Of what is not known here: nothing. */
export function resultLines(result: object): string[] {
  if ('error' in result) return errorLines(result.error as { code?: string; message: string; next?: string });
  if (!('outcome' in result)) return [];
  if (result.outcome === 'restored') return restoredLines(result as RestoreReport);
  if (result.outcome === 'stored' && 'backups' in result) return storedLines(result as BackupResult & { outcome: 'stored' });
  if ('skippedBecause' in result) return [`**Skipped**: ${short(String(result.skippedBecause))}`];
  return [];
}

function restoredLines(report: RestoreReport): string[] {
  const { keysAfter, proof, log, takenAt, backupId, downtimeSeconds, wasDown, live, warnings, safetyBackupId, losses } = report;
  const since = formatTime(Date.parse(log?.until ?? takenAt), 'seconds');
  const down = live
    ? `writes were refused for ${formatDuration(live.writesRefusedSeconds * 1000)}`
    : `${wasDown ? 'it was down before; from its start to its first answer' : 'it served nobody for'} ${formatDuration(downtimeSeconds * 1000)}`;
  return [
    `**Restored** from ${backupId}${log ? ` and ${formatBytes(log.bytes)} of log` : ''}; ${down}.`,
    `**Keys**: ${short(standing(keysAfter))}`,
    `**Proof**: ${short(proof)}`,
    `**Lost**: every write since ${since}.${losses.revived.map(({ name, atMost }) => ` Signed in again: at most ${formatCount(atMost)} ${name}.`).join('')}`,
    ...(safetyBackupId ? [`**What was there before**: backup ${safetyBackupId}`] : []),
    ...warnings.slice(0, 2).map((warning) => `⚠️ ${short(warning)}`),
  ];
}

const storedLines = ({
  backups,
}: {
  backups: readonly { backupId: string; keys: number; storedBytes: number; seconds: number }[];
}) =>
  backups.map(
    ({ backupId, keys, storedBytes, seconds }) =>
      `**Stored**: backup ${backupId}, ${formatCount(keys)} keys, ${formatBytes(storedBytes)} in ${formatDuration(seconds * 1000)}.`,
  );

const errorLines = ({ code, message, next }: { code?: string; message: string; next?: string }): string[] => [
  `**Why**: ${code ? `${code}: ` : ''}${short(message)}`,
  ...(next ? [`**Next**: ${short(next)}`] : []),
];

/** On one line. */
function short(text: string): string {
  const plain = text.replace(/\s+/g, ' ').trim();
  return plain.length <= MOST_LETTERS ? plain : `${plain.slice(0, MOST_LETTERS - 1)}…`;
}
