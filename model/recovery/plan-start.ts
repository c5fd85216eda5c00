import { formatBytes, formatCount, formatDuration } from '../format.ts';
import type { PlannedAction } from './actions.ts';
import { unstartableText } from './evidence.ts';
import type { LogDamage } from './log-damage.ts';
import { ignoresRdb, startsEmpty } from './next-load.ts';
import type { Observations } from './observations.ts';
import { olderThanReplicas } from './older-start.ts';
import { leftAlone, listReplicas, replicasWithData } from './replicas.ts';
import { mendedSince } from './situation.ts';

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

export function planRestart(seen: Observations): PlannedAction[] {
  const data = seen.platform?.data;
  const isEmpty = data !== undefined && startsEmpty(data);
  const keep: PlannedAction = {
    act: 'set-aside',
    text: 'Keep dump.rdb out of the way: Redis runs with appendonly yes, ignores it, and would write over it.',
  };
  const restart: PlannedAction = {
    act: 'restart',
    text: startText(seen, isEmpty),
    ...(isEmpty ? askForEmpty(seen) : {}),
    ...(seen.platform && mendedSince(seen.platform) ? { afterMending: true as const } : {}),
  };
  return [...protectFromStart(seen, isEmpty), ...(data && ignoresRdb(data) ? [keep] : []), restart];
}

function protectFromStart(seen: Observations, isEmpty: boolean): PlannedAction[] {
  if (isEmpty) return protectReplicas(seen);
  const before = olderThanReplicas(seen);
  return before ? protectReplicas(seen, lesser(`its RDB of ${before.savedAt}, which is older than its replicas are`)) : [];
}

function startText(seen: Observations, isEmpty: boolean): string {
  const { platform } = seen;
  if (platform && unstartableText(platform))
    return 'Start Redis all the same: tried beside it, its redis.conf was refused, and most likely is so again.';
  const start = isEmpty ? 'Start Redis; it comes up empty.' : 'Start Redis; it loads what it has on its disk.';
  return `${start}${askedBecauseRestarted(seen)}`;
}

/** So often it is started without a question, and no more; the restart itself asks. */
function askedBecauseRestarted({ platform, settings: { restartEveryMs }, nowMs }: Observations): string {
  const { restarted } = platform?.data ?? {};
  if (!platform || !restarted || nowMs - Date.parse(restarted.at) >= restartEveryMs) return '';
  if (mendedSince(platform) && !restarted.mended) return '';
  return ` A person is asked first: a recovery restarted it at ${restarted.at.slice(11, 19)} UTC, once in ${formatDuration(restartEveryMs)} it may by itself.`;
}

/** Nothing to load where a backup knows of keys, or nobody could ask for one: the disk may be missing. Serving comes first all the same. */
function askForEmpty({ settings, stored, platform }: Observations): Pick<PlannedAction, 'ask'> {
  const { backup } = stored;
  if (settings.onDamage === 'serve-empty' || backup === null || backup?.rdb.keys === 0) return {};
  const known = backup
    ? `backup ${backup.backupId} has ${formatCount(backup.rdb.keys)} keys`
    : 'whether a backup has keys could not be asked';
  const where = platform?.data?.dir ?? 'its data directory';
  const question = `There is nothing to load in ${where}, and ${known}: is the disk mounted? Start Redis empty now? Declined, it stays down. Without an answer within ${formatDuration(settings.askForMs)} it is started, because serving comes first.`;
  return { ask: { question, otherwise: 'proceed' } };
}

/** A primary that has less wipes its replicas in under a second, so they are out of harm before it starts. */
export function protectReplicas(seen: Observations, { would, primary } = EMPTY): PlannedAction[] {
  const { instance, notReplicas } = seen;
  const all = replicasWithData(seen);
  const [best, ...others] = all;
  if (!best) return [];
  const followers = others.filter(({ address }) =>
    seen.replicas.some((one) => one.address === address && one.look.facts?.role === 'slave'),
  );
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
    act: 'promote-replica',
    text: `Let replica ${best.address}, with ${formatCount(best.keys)} keys, take over, and point the applications at it.`,
    ask: { question: sentences.join(' '), otherwise: 'skip' },
  };
  return [promote, { act: 'detach-replicas', text: `Detach ${listReplicas(all)}, so that ${primary} cannot wipe them.` }];
}

export const planSetAside = (what: 'append-only log' | 'RDB', unmendable?: string): PlannedAction => ({
  act: 'set-aside',
  text: `${unmendable === undefined ? '' : `Cutting the log was no way (${unmendable}). `}Move the damaged ${what} out of the way and keep it: a second start could change it.`,
});

/** What could be served with some more room is worth a question, also where all data can be made again. */
export function planEmptyStart({ settings, stored }: Observations, damage?: LogDamage): PlannedAction {
  const text = 'Start Redis without the damaged data; what a backup has can be brought back while it serves.';
  if (damage?.needsBytes !== undefined) return emptyForRoom(damage, damage.needsBytes, text, settings.askForMs);
  if (settings.onDamage === 'serve-empty') return { act: 'start-empty', text };
  const { backup } = stored;
  const instead = backup
    ? `The other way is a whole restore of backup ${backup.backupId}`
    : backup === null
      ? 'No backup was found that could be restored in its place'
      : 'Whether a backup could be restored in its place is not known: the repository could not be asked';
  const within = formatDuration(settings.askForMs);
  return {
    act: 'start-empty',
    text,
    ask: {
      question: `Not all data can be made again. Start Redis empty now? ${instead}; declined, Redis stays down for that. Without an answer within ${within} it is started empty, because serving comes first.`,
      otherwise: 'proceed',
    },
  };
}

function emptyForRoom({ usableBytes }: LogDamage, needsBytes: number, text: string, askForMs: number): PlannedAction {
  const question = `${formatBytes(usableBytes)} of the log stand before its damage, and there is no room to cut it on a copy. Start Redis without them (the log is kept)? Declined, Redis stays down: free ${formatBytes(needsBytes)} on its disk, and start the recovery again. Without an answer within ${formatDuration(askForMs)} it is started empty, because serving comes first.`;
  return { act: 'start-empty', text, ask: { question, otherwise: 'proceed' } };
}
