import { takenAtMs } from '../../backup/backup-time.ts';
import { type Beyond, beyondText } from '../../backup/unusable.ts';
import { formatCount, formatCountOf, formatTime } from '../../format.ts';
import { formatOffset } from '../until.ts';
import { commandToRestore } from './commands.ts';
import type { PlanInput, PlannedLog, Refusal } from './types.ts';

/** A plan names no more than these, and counts the others: it stays small. */
const MOST_NAMED = 20;
const MOST_IN_MESSAGE = 3;

/** A choice, and what is newer and cannot be used. */
export interface ChosenByLatest {
  instance: string;
  backupId: string;
  takenAtMs: number;
  log?: PlannedLog;
  beyond: readonly Beyond[];
}

/**
 * `latest` with something behind it that cannot be used is a question and no answer. Whoever names the moment has answered it.
 * A moment or a backup that was named is what it is.
 */
export function latestRefusal(
  { instance, backupId, takenAtMs, log, beyond }: ChosenByLatest,
  naming: Naming,
): Refusal | undefined {
  if (beyond.length === 0) return undefined;
  const last = log?.ranges.at(-1);
  const chosen = log
    ? `the log as it was ${formatTime(log.untilMs, 'seconds')}`
    : `backup ${backupId}, taken ${formatTime(takenAtMs)}`;
  const named = log && last ? naming.until(formatOffset(last.timelineId, last.to)) : naming.backup(backupId);
  return {
    code: 'RESTORE_REFUSED',
    message: `latest of ${instance} would be ${chosen}, and what is newer cannot be used: ${listed(beyond)}`,
    next: `If that moment is meant, name it: \`${named}\`; what was damaged stands in \`redis-backup list ${instance}\`.`,
  };
}

/** How the command is typed that names the moment. */
export interface Naming {
  until(offset: string): string;
  backup(backupId: string): string;
}

const listed = (beyond: readonly Beyond[]): string => {
  const more = beyond.length - MOST_IN_MESSAGE;
  return [...beyond.slice(-MOST_IN_MESSAGE).map(beyondText), ...(more > 0 ? [`and ${formatCount(more)} more`] : [])].join('; ');
};

/** Of a plan. */
export function beyondRefusal(input: PlanInput): Refusal | undefined {
  const { name: instance, manifest, log, asksLatest, beyond = [], options } = input;
  if (!(log ? log.until === 'latest' : asksLatest)) return undefined;
  const chosen = { instance, backupId: manifest.backupId, takenAtMs: takenAtMs(manifest), ...(log ? { log } : {}), beyond };
  const named = { instance, isLive: input.live !== undefined, ...(options ? { options } : {}) };
  return latestRefusal(chosen, {
    until: (until) => commandToRestore({ ...named, until }),
    backup: (backupId) => commandToRestore({ ...named, backupId }),
  });
}

/** The first lines of a plan. */
export function beyondLines({ beyond }: { beyond: readonly Beyond[] }): string[] {
  if (beyond.length === 0) return [];
  const more = beyond.length - MOST_NAMED;
  return [
    'DAMAGED OR MISSING, and newer than what is restored',
    ...beyond.slice(0, MOST_NAMED).map((one) => `  ${beyondText(one)}.`),
    ...(more > 0 ? [`  And ${formatCountOf(more, 'more')}.`] : []),
  ];
}
