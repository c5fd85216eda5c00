import { formatCount } from '../../format.ts';
import { formatOffset } from '../until.ts';
import type { PlannedLog, PlannedMoment, PlanOptions, RestorePlan } from './types.ts';

interface AskedRestore {
  instance: string;
  backupId?: string;
  until?: string;
  aofBackup?: string;
  isLive?: boolean;
  options?: PlanOptions | undefined;
}

/** The complete command of a restore, up to `--yes`. */
export function commandToRestore({ instance, backupId, until, aofBackup, isLive = false, options = {} }: AskedRestore): string {
  return [
    `redis-backup restore ${instance}`,
    ...(backupId === undefined ? [] : [backupId]),
    ...(until === undefined ? [] : [`--until ${until}`]),
    ...(aofBackup === undefined ? [] : [`--aof-backup ${aofBackup}`]),
    ...(isLive ? ['--strategy live'] : []),
    ...(options.skipSafetySnapshot ? ['--skip-safety-snapshot'] : []),
    ...(options.allowUnparsed ? ['--allow-unparsed'] : []),
    ...(options.fromAnother ? ['--from-another'] : []),
    ...(options.intoAnother ? ['--into-another'] : []),
    ...(options.noRehearsal ? ['--no-rehearsal'] : []),
    ...(options.acceptLoss === undefined ? [] : [`--accept-loss ${options.acceptLoss}`]),
    ...(options.direct ? ['--direct'] : []),
  ].join(' ');
}

/** How what stood there before a moment of the log comes back. */
export function undoOf(
  { name: instance, strategy, consents }: Pick<RestorePlan, 'name' | 'strategy' | 'consents'>,
  { until, place }: PlannedMoment,
): string {
  if (until !== undefined) return `\`${commandToRestore({ instance, until, isLive: strategy === 'live', options: consents })}\``;
  const where = place ? `cut ${place.file} to its first ${formatCount(place.bytes)} bytes` : 'cut its log before that command';
  return `unpack the copy, which is restored whole, ${where}, and \`redis-backup import\` the result`;
}

type Source = Pick<AskedRestore, 'backupId' | 'until' | 'aofBackup'>;

/** Exactly what the plan restores. */
export function exactSource({ backupId, log, aofBackup }: Pick<RestorePlan, 'backupId' | 'log' | 'aofBackup'>): Source {
  if (aofBackup) return { aofBackup: backupId };
  return { backupId, ...(log ? { until: exactUntil(log) } : {}) };
}

/** The cut itself, and not the words for it: a minute later `latest` is another one. */
function exactUntil({ ranges, until }: PlannedLog): string {
  const last = ranges.at(-1);
  return last ? formatOffset(last.timelineId, last.to) : until;
}

/** What a person has allowed by name, but for a loss: of that each has a digest of its own. */
export function consentsIn(options: PlanOptions = {}): Pick<RestorePlan, 'consents'> {
  const names = ['allowUnparsed', 'noRehearsal', 'skipSafetySnapshot', 'fromAnother', 'intoAnother', 'direct'] as const;
  const given = names.filter((name) => options[name]).map((name) => [name, true]);
  return given.length > 0 ? { consents: Object.fromEntries(given) } : {};
}
