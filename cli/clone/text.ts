import type { Owner } from '../../model/backup/owner.ts';
import { OTHER } from '../../model/data-class.ts';
import { formatBytes, formatCount, formatDuration, formatTime } from '../../model/format.ts';
import { table } from '../output/table.ts';

/** What `clone` has made, and the result line of `clone --json`. */
export interface CloneReport {
  outcome: 'cloned';
  instance: string;
  /** Whose the data is, if it is somebody else's. */
  foreignOwner?: Owner;
  /** As of when the data is. ISO 8601. */
  at: string;
  /** Why it is not the moment that was asked for with certainty. */
  doubts?: string[];
  backupId: string;
  /** Absent: the backup alone. Without a timeline: the log of a copy of an append-only log, whole. */
  log?: { timelineId?: string; offset?: number; bytes: number };
  host: string;
  port: number;
  /** Absent: everybody on this machine may look into it. */
  password?: string;
  pid: number;
  directory: string;
  /** How far expiries were moved; 0: not. */
  ttlsMovedSeconds: number;
  keys: number;
  classes: { name: string; keys: number }[];
  /** It ends with this command. */
  foreground: boolean;
}

export function cloneText(report: CloneReport): string {
  const { instance, at, doubts = [], backupId, log, host, port, password, directory, keys, classes, foreground } = report;
  const auth = password === undefined ? '' : `REDISCLI_AUTH=${password} `;
  const rows = [...classes, { name: 'all', keys }].map(({ name, keys }) => [
    name === OTHER ? 'other (no class)' : name,
    formatCount(keys),
  ]);
  return [
    `clone of ${instance} as it was ${formatTime(Date.parse(at), 'milliseconds')}, from ${backupId}${log ? ` and ${formatBytes(log.bytes)} of log` : ' alone'}`,
    ...doubts.map((doubt) => `  warning:       ${doubt}`),
    `  times to live: ${ttlText(report)}`,
    `  look into it: ${auth}redis-cli -h ${host} -p ${port}`,
    `  stop it:      ${foreground ? 'Ctrl-C' : `redis-backup clone --stop ${directory}`}`,
    '',
    table([['data class', 'keys'], ...rows], [1]),
  ].join('\n');
}

function ttlText({ ttlsMovedSeconds }: CloneReport): string {
  if (ttlsMovedSeconds === 0) return 'as they were; what has expired since is not there';
  return `moved by ${formatDuration(ttlsMovedSeconds * 1000)}: keys live as long as they had left then`;
}
