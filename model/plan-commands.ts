import type { PlanOptions } from './plan.ts';

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
    ...(options.noRehearsal ? ['--no-rehearsal'] : []),
    ...(options.acceptLoss === undefined ? [] : [`--accept-loss ${options.acceptLoss}`]),
  ].join(' ');
}
