import { formatCount } from '../format.ts';
import type { PlannedAction } from './actions.ts';
import { newerIgnored } from './newer-ignored.ts';
import { startsEmpty } from './next-load.ts';
import type { Observations } from './observations.ts';
import { olderThanReplicas } from './older-start.ts';
import { leftAlone, listReplicas, replicasWithData } from './replicas.ts';

/** What a start would serve, where that is less than replicas have. */
export interface LesserStart {
  /** `Redis would come up empty`. */
  would: string;
  /** `an empty primary`. */
  primary: string;
}

const EMPTY: LesserStart = { would: 'Redis would come up empty', primary: 'an empty primary' };

export const lesser = (what: string): LesserStart => ({
  would: `Redis would come up with ${what}`,
  primary: 'a primary that has less',
});

/** What the next start loads, where that is less than replicas have. `undefined`: nothing of what is seen says so. */
export function lesserStart(seen: Observations): LesserStart | undefined {
  const { data } = seen.platform ?? {};
  if (!data) return undefined;
  if (startsEmpty(data)) return EMPTY;
  if (newerIgnored(data)) return lesser('the older of its files');
  const before = olderThanReplicas(seen);
  return before && lesser(`its RDB of ${before.savedAt}, which is older than its replicas are`);
}

/** A primary that has less wipes its replicas in under a second, so they are out of harm before it starts. */
export function protectReplicas(seen: Observations, { would, primary } = EMPTY): PlannedAction[] {
  const { instance, notReplicas } = seen;
  const all = replicasWithData(seen);
  const [best, ...others] = all;
  if (!best) return [];
  const followers = others.filter(({ address }) => isFollower(seen, address));
  const following =
    followers.length > 0 ? [`Then ${listReplicas(followers)} ${followers.length > 1 ? 'follow' : 'follows'} it.`] : [];
  const sentences = [
    `${would}, and replica ${best.address} has ${formatCount(best.keys)} keys.`,
    'May it take over? Applications must then be pointed at it.',
    ...following,
    `Else ${listReplicas(all)} no longer ${others.length > 0 ? 'follow' : 'follows'} ${instance} and ${others.length > 0 ? 'keep their' : 'keeps its'} data.`,
    ...leftAlone(instance, notReplicas),
  ];
  const promote: PlannedAction = {
    action: 'promote-replica',
    text: `Let replica ${best.address}, with ${formatCount(best.keys)} keys, take over, and point the applications at it.`,
    ask: { question: sentences.join(' '), otherwise: 'skip' },
  };
  return [promote, detach(all, primary)];
}

/** The same without a question, which would keep a Redis down for little: what is cut off its files may be all that it lacks. */
export function letReplicasGo(seen: Observations, { primary }: LesserStart): PlannedAction[] {
  const all = followersWithData(seen);
  return all.length > 0 ? [detach(all, primary)] : [];
}

/** Those of `replicasWithData` that a start of the primary would bring to its own state. */
export const followersWithData = (seen: Observations) =>
  replicasWithData(seen).filter(({ address }) => isFollower(seen, address));

const isFollower = ({ replicas }: Observations, address: string): boolean =>
  replicas.some((one) => one.address === address && one.look.facts?.role === 'slave');

const detach = (all: ReturnType<typeof replicasWithData>, primary: string): PlannedAction => ({
  action: 'detach-replicas',
  text: `Detach ${listReplicas(all)}, so that ${primary} cannot wipe them.`,
});

/**
 * Who says no to a start says no to what is only done for its sake: one question, for both.
 * @param actions - the start is the last of them
 */
export function askedTogether(actions: readonly PlannedAction[]): PlannedAction[] {
  const ask = actions.at(-1)?.ask;
  return actions.map((one) => (ask && one.action === 'detach-replicas' ? { ...one, ask } : one));
}
