import { formatBytes, formatCount, formatDuration } from '../format.ts';
import { isRightlyReplica } from './answer-evidence.ts';
import { ignoresRdb, mendedSince, startsEmpty, unstartableText } from './end-evidence.ts';
import type { FailureClass } from './failure-classes.ts';
import { unfinishedOf } from './left-behind.ts';
import { cutText, damageText, type LogDamage } from './log-damage.ts';
import { newerIgnored } from './newer-ignored.ts';
import type { Signs } from './observations.ts';
import type { PlannedAct } from './recovery.ts';

/** Replicas that still have data, the fullest first. */
export const replicasWithData = ({ replicas }: Signs): { address: string; keys: number }[] =>
  replicas
    .map(({ address, look }) => ({ address, keys: look.facts?.keys ?? 0 }))
    .filter(({ keys }) => keys > 0)
    .sort((one, other) => other.keys - one.keys);

/**
 * What is to be done, in order. Nothing that needs the machine of Redis where nobody is there to do it, no restart where it
 * doesn't help, and whatever may divide or destroy only when a person approves.
 */
export function planActs(failure: FailureClass, signs: Signs): PlannedAct[] {
  const { place } = signs;
  switch (failure) {
    case 'loading':
      return [{ act: 'await-load', text: 'Wait until Redis has loaded its data; a restart would begin it anew.' }];
    case 'script-busy':
      return [KILL_SCRIPT];
    case 'read-only':
      return isRightlyReplica(signs) ? [] : [makePrimary(signs)];
    case 'silent':
      return place ? [RESTART_SILENT] : [];
    case 'dead':
    case 'oom-killed':
    case 'cannot-start':
      return place ? planRestart(signs) : [];
    case 'aof-damaged':
      return place ? planDamagedLog(signs) : [];
    case 'rdb-damaged':
      return place ? [...protectReplicas(signs), setAside(failure), startEmpty(signs)] : [];
    case 'aof-manifest-lost':
      return place ? planRebuild(signs) : [];
    case 'newer-ignored':
      return place ? planOlder(signs) : [];
    case 'data-aside':
      return place ? planPutBack(signs) : [];
    case 'rdb-ignored':
      return place ? [KEEP_IGNORED] : [];
    default:
      return [];
  }
}

const KEEP_IGNORED: PlannedAct = {
  act: 'set-aside',
  text: 'Keep dump.rdb, which Redis has ignored and writes over at its next save or stop; Redis goes on serving.',
};

const KILL_SCRIPT: PlannedAct = {
  act: 'kill-script',
  text: 'End the script or function that blocks Redis; refused if it has written already.',
  ask: { question: 'May the running script be ended? What it was doing for an application is left undone.', otherwise: 'skip' },
};

const RESTART_SILENT: PlannedAct = {
  act: 'restart',
  text: 'Restart Redis, which runs and answers nobody.',
  ask: {
    question:
      'Redis runs and answers nobody. May it be restarted? What it has not written to its disk is lost, and it may come back by itself.',
    otherwise: 'skip',
  },
};

const makePrimary = ({ worker, place }: Signs): PlannedAct => {
  const primary = (worker.facts ?? place?.local?.facts)?.primary ?? 'its primary';
  return {
    act: 'make-primary',
    text: `Make Redis a primary again: it follows ${primary}, which does not serve.`,
    ask: { question: `May it be made a primary? If ${primary} comes back, there are two.`, otherwise: 'skip' },
  };
};

function planRestart(signs: Signs): PlannedAct[] {
  const data = signs.place?.data;
  const isEmpty = data !== undefined && startsEmpty(data);
  const keep: PlannedAct = {
    act: 'set-aside',
    text: 'Keep dump.rdb out of the way: Redis runs with appendonly yes, ignores it, and would write over it.',
  };
  const restart: PlannedAct = {
    act: 'restart',
    text: startText(signs, isEmpty),
    ...(isEmpty ? askForEmpty(signs) : {}),
    ...(signs.place && mendedSince(signs.place) ? { afterMending: true as const } : {}),
  };
  return [...(isEmpty ? protectReplicas(signs) : []), ...(data && ignoresRdb(data) ? [keep] : []), restart];
}

function startText(signs: Signs, isEmpty: boolean): string {
  const { place } = signs;
  if (place && unstartableText(place))
    return 'Start Redis all the same: tried beside it, its redis.conf was refused, and most likely is so again.';
  const start = isEmpty ? 'Start Redis; it comes up empty.' : 'Start Redis; it loads what it has on its disk.';
  return `${start}${askedBecauseRestarted(signs)}`;
}

/** So often it is started without a question, and no more; the restart itself asks. */
function askedBecauseRestarted({ place, settings: { restartEveryMs }, nowMs }: Signs): string {
  const { restarted } = place?.data ?? {};
  if (!place || !restarted || nowMs - Date.parse(restarted.at) >= restartEveryMs) return '';
  if (mendedSince(place) && !restarted.mended) return '';
  return ` A person is asked first: a recovery restarted it at ${restarted.at.slice(11, 19)} UTC, once in ${formatDuration(restartEveryMs)} it may by itself.`;
}

/** Nothing to load where a backup knows of keys, or nobody could ask for one: the disk may be missing. Serving comes first all the same. */
function askForEmpty({ settings, stored, place }: Signs): Pick<PlannedAct, 'ask'> {
  const { backup } = stored;
  if (settings.onDamage === 'serve-empty' || backup === null || backup?.rdb.keys === 0) return {};
  const known = backup
    ? `backup ${backup.backupId} has ${formatCount(backup.rdb.keys)} keys`
    : 'whether a backup has keys could not be asked';
  const where = place?.data?.dir ?? 'its data directory';
  const question = `There is nothing to load in ${where}, and ${known}: is the disk mounted? Start Redis empty now? Declined, it stays down. Without an answer within ${formatDuration(settings.askForMs)} it is started, because serving comes first.`;
  return { ask: { question, otherwise: 'proceed' } };
}

/** An empty primary wipes its replicas in under a second, so they are out of harm before it starts. */
function protectReplicas(signs: Signs): PlannedAct[] {
  const all = replicasWithData(signs);
  const [best] = all;
  if (!best) return [];
  const names = all.map(({ address, keys }) => `${address} (${formatCount(keys)} keys)`).join(', ');
  const promote: PlannedAct = {
    act: 'promote-replica',
    text: `Let replica ${best.address}, with ${formatCount(best.keys)} keys, take over, and point the applications at it.`,
    ask: {
      question: `Redis would come up empty, and replica ${best.address} has ${formatCount(best.keys)} keys. May it take over? Applications must then be pointed at it.`,
      otherwise: 'skip',
    },
  };
  return [promote, { act: 'detach-replicas', text: `Detach ${names}, so that an empty primary cannot wipe them.` }];
}

/**
 * Empty is the last way. The end of a log is cut off; a damage in its middle takes commands away that are whole, so a person
 * is asked, and where all data can be made again nobody is waited for.
 */
function planDamagedLog(signs: Signs): PlannedAct[] {
  const { damage, unread } = signs.place?.data?.aof ?? {};
  const empty = [...protectReplicas(signs), setAside('aof-damaged', damage?.unmendable), startEmpty(signs, damage)];
  if (unread) return [CUT_UNREAD];
  if (!damage || damage.unmendable !== undefined) return empty;
  if (damage.where === 'end')
    return [
      {
        act: 'mend-log',
        text: `Cut ${formatCount(damage.badBytes)} bytes off the end of the log, on a copy that a throw-away Redis loads first, keep the original, and start Redis.`,
      },
    ];
  if (signs.settings.onDamage === 'serve-empty' || damage.usableBytes === 0) return empty;
  return [cutMiddle(signs, damage)];
}

const CUT_UNREAD: PlannedAct = {
  act: 'mend-log',
  text: 'Read the log, cut off what stands behind its last whole command if that is its end, on a copy that a throw-away Redis loads first, and start Redis.',
};

function cutMiddle({ settings }: Signs, damage: LogDamage): PlannedAct {
  const { usableBytes, lastWriteAt } = damage;
  const until = lastWriteAt === undefined ? '' : `, up to ${lastWriteAt}`;
  const before = `the ${formatBytes(usableBytes)} in front of the damage${until}`;
  const question = `The log is damaged in its middle: ${damageText(damage)} Serve ${before}? Then ${cutText(damage)} (all is kept). Declined, Redis stays down. Without an answer within ${formatDuration(settings.askForMs)} it is served, because serving comes first.`;
  return {
    act: 'mend-log',
    text: `Cut the log behind ${before}, on a copy that a throw-away Redis loads first, keep the original, and start Redis.`,
    ask: { question, otherwise: 'proceed' },
  };
}

const setAside = (failure: FailureClass, unmendable?: string): PlannedAct => ({
  act: 'set-aside',
  text: `${unmendable === undefined ? '' : `Cutting the log was no way (${unmendable}). `}Move the damaged ${failure === 'aof-damaged' ? 'append-only log' : 'RDB'} out of the way and keep it: a second start could change it.`,
});

/** What could be served with some more room is worth a question, also where all data can be made again. */
function startEmpty({ settings, stored }: Signs, damage?: LogDamage): PlannedAct {
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

function emptyForRoom({ usableBytes }: LogDamage, needsBytes: number, text: string, askForMs: number): PlannedAct {
  const question = `${formatBytes(usableBytes)} of the log stand before its damage, and there is no room to cut it on a copy. Start Redis without them (the log is kept)? Declined, Redis stays down: free ${formatBytes(needsBytes)} on its disk, and start the recovery again. Without an answer within ${formatDuration(askForMs)} it is started empty, because serving comes first.`;
  return { act: 'start-empty', text, ask: { question, otherwise: 'proceed' } };
}

function planRebuild(signs: Signs): PlannedAct[] {
  const { isAlive, written } = aliveWith(signs);
  const acts: PlannedAct[] = [
    { act: 'set-aside', text: 'Keep a copy of the append-only directory as it is now.' },
    { act: 'rebuild-manifest', text: 'Make the manifest of the append-only directory again from the names of its files.' },
    { act: 'restart', text: `${isAlive ? 'Restart' : 'Start'} Redis, which then loads them.` },
  ];
  if (written === 0) return acts;
  return withSnapshot(
    acts,
    `Redis came up empty and has taken ${formatCount(written)} keys since, which a restart with the old files takes away (a snapshot of them is kept). May it be restarted?`,
    (act) => act === 'set-aside',
  );
}

/**
 * The newest data lies where no start looks. It is kept whatever comes; a person who is awake has it served with one line of
 * redis.conf.
 */
function planOlder(signs: Signs): PlannedAct[] {
  const { settings, place } = signs;
  const newer = place?.data && newerIgnored(place.data);
  const keep: PlannedAct = {
    act: 'set-aside',
    text: 'Keep a copy of all its data files: what is started writes over the newer ones.',
  };
  const restart: PlannedAct = { act: 'restart', text: 'Start Redis; it loads the older of its files.' };
  if (!newer || settings.onDamage === 'serve-empty') return [keep, restart];
  const line = newer.ignored === 'log' ? 'appendonly yes' : 'appendonly no';
  const question = `${newer.text} Start it with the older data? Declined, Redis stays down: set \`${line}\` in its redis.conf, and start the recovery again. Without an answer within ${formatDuration(settings.askForMs)} it is started, because serving comes first; the newer files are kept.`;
  return [keep, { ...restart, ask: { question, otherwise: 'proceed' } }];
}

/** What an operation has moved away and did not put back, before anything is started: a Redis without it would be empty. */
function planPutBack(signs: Signs): PlannedAct[] {
  const unfinished = unfinishedOf(signs.place?.data?.leftBehind);
  if (unfinished.length === 0) return [];
  const { isAlive, written } = aliveWith(signs);
  const bytes = formatBytes(unfinished.reduce((sum, { asideBytes }) => sum + asideBytes, 0));
  const which = unfinished.map(({ operationId }) => operationId).join(', ');
  const acts: PlannedAct[] = [
    { act: 'put-back-data', text: `Put the data that ${which} has moved away, ${bytes}, back where it was.` },
    { act: 'restart', text: 'Start Redis, which then loads it.' },
  ];
  if (!isAlive || written === 0) return acts;
  return withSnapshot(
    acts,
    `Redis was started without its data, which ${which} has moved away, and has ${formatCount(written)} keys now. May it be stopped, and the old data put back? What it has taken since is gone then (a snapshot of it is kept).`,
    () => false,
  );
}

function aliveWith({ worker, place }: Signs): { isAlive: boolean; written: number } {
  const facts = worker.facts ?? place?.local?.facts;
  return { isAlive: facts !== undefined, written: facts?.keys ?? 0 };
}

function withSnapshot(acts: PlannedAct[], question: string, isHarmless: (act: PlannedAct['act']) => boolean): PlannedAct[] {
  const snapshot: PlannedAct = {
    act: 'network-snapshot',
    text: 'Take a snapshot of what it has now over the network, 10 s at most.',
  };
  const asked = acts.map((act) => (isHarmless(act.act) ? act : { ...act, ask: { question, otherwise: 'skip' as const } }));
  return [snapshot, ...asked];
}
