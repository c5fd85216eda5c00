import { formatBytes, formatCount, formatDuration } from '../format.ts';
import type { PlannedAction } from './actions.ts';
import { cutText, damageText, type LogDamage } from './log-damage.ts';
import { mayBeLost } from './may-be-lost.ts';
import type { Observations } from './observations.ts';
import { planEmptyStart, planSetAside, WITHOUT_ITS_END } from './plan-start.ts';
import { askedTogether, lesser, letReplicasGo, protectReplicas } from './protect-replicas.ts';
import { listReplicas, replicasWithData } from './replicas.ts';

/**
 * Empty is the last way. The end of a log is cut off; a damage in its middle takes commands away that are whole, so a person
 * is asked, and where all data can be made again nobody is waited for.
 */
export function planDamagedLog(seen: Observations): PlannedAction[] {
  const { damage, unread } = seen.platform?.data?.aof ?? {};
  const empty = planDamaged(seen, planSetAside('append-only log', damage?.unmendable), damage);
  const withoutEnd = letReplicasGo(seen, WITHOUT_ITS_END);
  if (unread) return [...withoutEnd, CUT_UNREAD];
  if (!damage || damage.unmendable !== undefined) return empty;
  if (damage.where === 'end')
    return [
      ...withoutEnd,
      {
        action: 'mend-log',
        text: `Cut ${formatCount(damage.badBytes)} bytes off the end of the log, on a copy that a throw-away Redis loads first, keep the original, and start Redis.`,
      },
    ];
  if (mayBeLost(seen) || damage.usableBytes === 0) return empty;
  return [...protectReplicas(seen, ONLY_ITS_FIRST_PART), cutMiddle(seen, damage)];
}

/** What cannot be loaded goes out of the way, and Redis starts without it. */
export const planDamaged = (seen: Observations, setAside: PlannedAction, damage?: LogDamage): PlannedAction[] =>
  askedTogether([...protectReplicas(seen), setAside, planEmptyStart(seen, damage)]);

const ONLY_ITS_FIRST_PART = lesser('only what its log has in front of a damage');

const CUT_UNREAD: PlannedAction = {
  action: 'mend-log',
  text: 'Read the log, cut off what stands behind its last whole command if that is its end, on a copy that a throw-away Redis loads first, and start Redis.',
};

function cutMiddle(seen: Observations, damage: LogDamage): PlannedAction {
  const { usableBytes, lastWriteAt } = damage;
  const until = lastWriteAt === undefined ? '' : `, up to ${lastWriteAt}`;
  const { settings } = seen;
  const kept = replicasWithData(seen);
  const detached = kept.length > 0 ? ` (replicas no longer follow, and keep their data: ${listReplicas(kept)})` : '';
  const before = `the ${formatBytes(usableBytes)} in front of the damage${until}`;
  const question = `The log is damaged in its middle: ${damageText(damage)} Serve ${before}${detached}? Then ${cutText(damage)} (all is kept). Declined, Redis stays down. Without an answer within ${formatDuration(settings.askForMs)} it is served, because serving comes first.`;
  return {
    action: 'mend-log',
    text: `Cut the log behind ${before}, on a copy that a throw-away Redis loads first, keep the original, and start Redis.`,
    ask: { question, otherwise: 'proceed' },
  };
}
