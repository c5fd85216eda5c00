import { formatBytes, formatCount, formatDuration } from '../format.ts';
import type { PlannedAction } from './actions.ts';
import { unfinishedOf } from './left-behind.ts';
import { mayBeLost } from './may-be-lost.ts';
import { newerIgnored } from './newer-ignored.ts';
import type { Observations } from './observations.ts';
import { lesser, letReplicasGo, protectReplicas } from './protect-replicas.ts';

export function planRebuild(seen: Observations): PlannedAction[] {
  const { isAlive, written } = aliveWith(seen);
  const actions: PlannedAction[] = [
    { action: 'set-aside', text: 'Keep a copy of the append-only directory as it is now.' },
    { action: 'rebuild-manifest', text: 'Make the manifest of the append-only directory again from the names of its files.' },
    { action: 'restart', text: `${isAlive ? 'Restart' : 'Start'} Redis, which then loads them.` },
  ];
  if (written === 0) return actions;
  return withSnapshot(
    actions,
    `Redis came up empty and has taken ${formatCount(written)} keys since, which a restart with the old files takes away (a snapshot of them is kept). May it be restarted?`,
    (action) => action === 'set-aside',
  );
}

/**
 * The newest data lies where no start looks. It is kept whatever comes; a person who is awake has it served with one line of
 * redis.conf.
 */
export function planOlder(seen: Observations): PlannedAction[] {
  const { settings, platform } = seen;
  const newer = platform?.data && newerIgnored(platform.data);
  const keep: PlannedAction = {
    action: 'set-aside',
    text: 'Keep a copy of all its data files: what is started writes over the newer ones.',
  };
  const restart: PlannedAction = { action: 'restart', text: 'Start Redis; it loads the older of its files.' };
  const protect = protectReplicas(seen, lesser('the older of its files'));
  if (!newer || mayBeLost(seen)) return [...protect, keep, restart];
  const line = newer.ignored === 'log' ? 'appendonly yes' : 'appendonly no';
  const question = `${newer.text} Start it with the older data? Declined, Redis stays down: set \`${line}\` in its redis.conf, and start the recovery again. Without an answer within ${formatDuration(settings.askForMs)} it is started, because serving comes first; the newer files are kept.`;
  return [...protect, keep, { ...restart, ask: { question, otherwise: 'proceed' } }];
}

/** What an operation has moved away and did not put back, before anything is started: a Redis without it would be empty. */
export function planPutBack(seen: Observations): PlannedAction[] {
  const unfinished = unfinishedOf(seen.platform?.data?.leftBehind);
  if (unfinished.length === 0) return [];
  const { isAlive, written } = aliveWith(seen);
  const bytes = formatBytes(unfinished.reduce((sum, { asideBytes }) => sum + asideBytes, 0));
  const which = unfinished.map(({ operationId }) => operationId).join(', ');
  const actions: PlannedAction[] = [
    ...(isAlive ? [] : letReplicasGo(seen, lesser('data of the time before that operation'))),
    { action: 'put-back-data', text: `Put the data that ${which} has moved away, ${bytes}, back where it was.` },
    { action: 'restart', text: 'Start Redis, which then loads it.' },
  ];
  if (!isAlive || written === 0) return actions;
  return withSnapshot(
    actions,
    `Redis was started without its data, which ${which} has moved away, and has ${formatCount(written)} keys now. May it be stopped, and the old data put back? What it has taken since is gone then (a snapshot of it is kept).`,
    () => false,
  );
}

function aliveWith({ worker, platform }: Observations): { isAlive: boolean; written: number } {
  const facts = worker.facts ?? platform?.local?.facts;
  return { isAlive: facts !== undefined, written: facts?.keys ?? 0 };
}

function withSnapshot(
  actions: PlannedAction[],
  question: string,
  isHarmless: (action: PlannedAction['action']) => boolean,
): PlannedAction[] {
  const snapshot: PlannedAction = {
    action: 'network-snapshot',
    text: 'Take a snapshot of what it has now over the network, 10 s at most.',
  };
  const asked = actions.map((action) =>
    isHarmless(action.action) ? action : { ...action, ask: { question, otherwise: 'skip' as const } },
  );
  return [snapshot, ...asked];
}
