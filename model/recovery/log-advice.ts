import { formatBytes, formatCount } from '../format.ts';
import type { PlannedAction } from './actions.ts';
import type { LogDamage } from './log-damage.ts';
import type { Observations } from './observations.ts';

/** What a person can do about the part of a damaged log that is not served by what is planned. */
export function adviceOnLog(seen: Observations, actions: readonly PlannedAction[]): string[] {
  const damage = seen.platform?.data?.aof?.damage;
  if (!damage) return [];
  const isPlanned = (name: PlannedAction['action']) => actions.some(({ action }) => action === name);
  if (isPlanned('start-empty') && damage.usableBytes > 0) return [whatStandsBefore(damage)];
  return isPlanned('mend-log') && damage.behind ? [whatStandsBehind(seen, damage)] : [];
}

function whatStandsBefore({ usableBytes, lastWriteAt }: LogDamage): string {
  const until = lastWriteAt === undefined ? '' : `, up to ${lastWriteAt}`;
  return `What stands in front of the damage, ${formatBytes(usableBytes)}${until}, can be had: \`redis-backup import PATH --up-to-damage\` makes a backup of the log that was kept.`;
}

function whatStandsBehind({ instance, stored }: Observations, { name, behind, wholeBytes }: LogDamage): string {
  const what = `What stands behind byte ${formatCount(wholeBytes)} of ${name}, ${formatCount(behind?.bytes ?? 0)} bytes of commands among it, is kept and not served: no Redis loads it without what is damaged.`;
  const from = stored.log
    ? `the continuous log, stored up to ${stored.log.storedUpTo}, has`
    : stored.backup && `backup ${stored.backup.backupId} has`;
  return from ? `${what} \`redis-backup restore ${instance} --plan\` shows what ${from} of it.` : what;
}
