import type { PlannedLog, PlanOptions, RestorePlan } from './plan.ts';
import { formatOffset } from './until.ts';

interface AskedRestore {
  instance: string;
  backupId?: string;
  until?: string;
  aofBackup?: string;
  isLive?: boolean;
  options?: PlanOptions;
}

/** The complete command of a restore, up to `--yes`. */
export function restoreCommand({ instance, backupId, until, aofBackup, isLive = false, options = {} }: AskedRestore): string {
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
  ].join(' ');
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
