import { formatBytes, formatCount, formatDuration } from '../format.ts';
import type { PlannedAction } from './actions.ts';
import { unstartableText } from './evidence.ts';
import type { LogDamage } from './log-damage.ts';
import { mayBeLost, whyAsked } from './may-be-lost.ts';
import { ignoresRdb, startsEmpty } from './next-load.ts';
import type { Observations } from './observations.ts';
import { followersWithData, lesser, lesserStart, letReplicasGo, protectReplicas } from './protect-replicas.ts';
import { listReplicas } from './replicas.ts';
import { mendedSince } from './situation.ts';

export function planRestart(seen: Observations): PlannedAction[] {
  const data = seen.platform?.data;
  const isEmpty = data !== undefined && startsEmpty(data);
  const keep: PlannedAction = {
    action: 'set-aside',
    text: 'Keep dump.rdb out of the way: Redis runs with appendonly yes, ignores it, and would write over it.',
  };
  const restart: PlannedAction = {
    action: 'restart',
    text: startText(seen, isEmpty),
    ...(isEmpty ? askForEmpty(seen) : {}),
    ...(seen.platform && mendedSince(seen.platform) ? { afterMending: true as const } : {}),
  };
  return [...protectFromStart(seen), ...(data && ignoresRdb(data) ? [keep] : []), restart];
}

function protectFromStart(seen: Observations): PlannedAction[] {
  const less = lesserStart(seen);
  if (less) return protectReplicas(seen, less);
  return seen.platform?.data?.aof?.damage ? letReplicasGo(seen, WITHOUT_ITS_END) : [];
}

/** Of a log, also where Redis itself cuts it. */
export const WITHOUT_ITS_END = lesser('its log without the damaged end');

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
function askForEmpty(seen: Observations): Pick<PlannedAction, 'ask'> {
  const { settings, stored, platform } = seen;
  const { backup } = stored;
  if (mayBeLost(seen) || backup === null || backup?.rdb.keys === 0) return {};
  const known = backup
    ? `backup ${backup.backupId} has ${formatCount(backup.rdb.keys)} keys`
    : 'whether a backup has keys could not be asked';
  const where = platform?.data?.dir ?? 'its data directory';
  const question = `There is nothing to load in ${where}, and ${known}: is the disk mounted?${settings.onDamage === 'ask' ? '' : ` ${whyAsked(seen)}`} Start Redis empty now? Declined, it stays down. Without an answer within ${formatDuration(settings.askForMs)} it is started, because serving comes first.`;
  return { ask: { question, otherwise: 'proceed' } };
}

/**
 * One that answers nobody. Ended by kill -9 it comes back with what is on its disk, and nobody can ask it for more: replicas that
 * are further are let go before, and only then, for one that heeds a signal saves.
 */
export function planSilent(seen: Observations): PlannedAction[] {
  const { instance, platform } = seen;
  const less = lesserStart(seen) ?? (platform?.data ? undefined : NOT_LOOKED_AT);
  const kept = less ? followersWithData(seen) : [];
  const list = listReplicas(kept);
  const follow = kept.length > 1 ? ['follow', 'keep their'] : ['follows', 'keeps its'];
  const sentences = [
    'Redis runs and answers nobody. May it be restarted?',
    'What it has not written to its disk is lost, and it may come back by itself.',
    ...(less && kept.length > 0
      ? [
          `If it ends without a save, ${less.would}: before it is started ${list} no longer ${follow[0]} ${instance}, and ${follow[1]} data.`,
        ]
      : []),
  ];
  const restart: PlannedAction = {
    action: 'restart',
    text: 'Restart Redis, which runs and answers nobody.',
    ask: { question: sentences.join(' '), otherwise: 'skip' },
  };
  if (!less || kept.length === 0) return [restart];
  const text = `If it ends without a save: detach ${list}, so that ${less.primary} cannot wipe them.`;
  return [{ action: 'detach-replicas', text }, restart];
}

const NOT_LOOKED_AT = lesser('files that could not be looked at');

export const planSetAside = (what: 'append-only log' | 'RDB', unmendable?: string): PlannedAction => ({
  action: 'set-aside',
  text: `${unmendable === undefined ? '' : `Cutting the log was no way (${unmendable}). `}Move the damaged ${what} out of the way and keep it: a second start could change it.`,
});

/** What could be served with some more room is worth a question, also where all data can be made again. */
export function planEmptyStart(seen: Observations, damage?: LogDamage): PlannedAction {
  const { settings, stored } = seen;
  const text = 'Start Redis without the damaged data; what a backup has can be brought back while it serves.';
  if (damage?.needsBytes !== undefined) return emptyForRoom(damage, damage.needsBytes, text, settings.askForMs);
  if (mayBeLost(seen)) return { action: 'start-empty', text };
  const { backup } = stored;
  const instead = backup
    ? `The other way is a whole restore of backup ${backup.backupId}`
    : backup === null
      ? 'No backup was found that could be restored in its place'
      : 'Whether a backup could be restored in its place is not known: the repository could not be asked';
  const within = formatDuration(settings.askForMs);
  return {
    action: 'start-empty',
    text,
    ask: {
      question: `${whyAsked(seen)} Start Redis empty now? ${instead}; declined, Redis stays down for that. Without an answer within ${within} it is started empty, because serving comes first.`,
      otherwise: 'proceed',
    },
  };
}

function emptyForRoom({ usableBytes }: LogDamage, needsBytes: number, text: string, askForMs: number): PlannedAction {
  const question = `${formatBytes(usableBytes)} of the log stand before its damage, and there is no room to cut it on a copy. Start Redis without them (the log is kept)? Declined, Redis stays down: free ${formatBytes(needsBytes)} on its disk, and start the recovery again. Without an answer within ${formatDuration(askForMs)} it is started empty, because serving comes first.`;
  return { action: 'start-empty', text, ask: { question, otherwise: 'proceed' } };
}
