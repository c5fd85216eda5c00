import type { ServerFacts } from '../../backup/manifest.ts';
import { formatCountOf, formatList } from '../../format.ts';
import type { NextStart, NextStarted, OtherStart, StartDifference } from '../next-start.ts';
import { canLoad, maxRdbVersion, type Server, VALKEY_FORMAT_FROM } from '../rdb-versions.ts';
import { startUserProblems } from '../start-user.ts';
import { refuse } from './identity.ts';
import type { PlanInput, Refusal } from './types.ts';

/** A list that is longer says how many more there are. */
const NAMED = 12;

/** A Redis that serves is not stopped for one that cannot start, follows another, or refuses who signs in today. */
export function nextStartRefusals(
  { name: instance, target }: Pick<PlanInput, 'name' | 'target'>,
  running: Server | undefined,
): Refusal[] {
  const { nextStart, mayNotEnd, processName, startUser, server, layout } = target;
  if (mayNotEnd) return [notOurs(instance, processName)];
  if (startUser?.refused)
    return startUserProblems(startUser)
      .slice(0, 1)
      .map(({ message, next }) => refuse('RESTORE_REFUSED', message, next));
  const isTried = nextStart?.outcome !== 'fails' && nextStart?.outcome !== 'another';
  if (isTried && server?.policy.appendonly === 'no' && layout.appendonly) return [loadsOldLog(instance)];
  return startRefusals(instance, nextStart, running);
}

/** The same of what may have changed since the plan: asked once more right before Redis is stopped. @param running - what runs now */
export function startRefusals(instance: string, next: NextStart | undefined, running: Server | undefined): Refusal[] {
  if (next?.outcome === 'fails') return [unstartable(instance, next.lastLines)];
  if (next?.outcome === 'another') return [startsAnother(instance, next)];
  if (next?.outcome !== 'starts') return [];
  return [olderProgram(instance, next, running), followsAnother(instance, next), lockedOut(instance, next)].filter(
    (one) => one !== undefined,
  );
}

/** Nothing could be put back: it would not load what it has now. */
export function olderProgram(instance: string, { server: next }: NextStarted, running: Server | undefined): Refusal | undefined {
  if (!next || !running) return undefined;
  const { rdbVersion: version } = maxRdbVersion(running);
  const magic = running.product === 'valkey' && version >= VALKEY_FORMAT_FROM ? 'VALKEY' : 'REDIS';
  if (canLoad(next, { magic, version }).loadable !== 'no') return undefined;
  return refuse(
    'CONFIG_UNSTARTABLE',
    `${instance} runs as ${running.product} ${running.version} and would start as ${next.product} ${next.version}, which does not read what it has now (RDB version ${version})`,
    `Let what starts it (start.command, the unit) start ${running.product} ${running.version} or newer, until \`redis-backup check\` is content. No restart before that.`,
  );
}

/** Stopped, it would not come back: something else would be started, or with other data. */
export const startsAnother = (instance: string, { why, next }: Pick<OtherStart, 'why' | 'next'>): Refusal =>
  refuse('RESTORE_REFUSED', `the next start of ${instance} would not be of the Redis that it is: ${why}`, next);

/** Put back and started again, it would not have what it has now. */
const loadsOldLog = (instance: string): Refusal =>
  refuse(
    'RESTORE_REFUSED',
    `appendonly is no in ${instance} and yes in its redis.conf: if the restore fails, the old data that is put back would be that of a log that is written no more`,
    'Make them one: `CONFIG SET appendonly yes`, or CONFIG REWRITE. Or restore with --strategy live.',
  );

const notOurs = (instance: string, name = 'what runs'): Refusal =>
  refuse(
    'RESTORE_REFUSED',
    `${name} of ${instance} runs as another user, and this worker may not end it`,
    'Run the worker on that machine as the user that Redis runs as, or as root, or start Redis by systemd.',
  );

export const unstartable = (instance: string, lastLines: string): Refusal =>
  refuse(
    'CONFIG_UNSTARTABLE',
    `${instance} would not start again: its own redis.conf, started beside it, was refused by Redis: ${lastLines}`,
    'Correct what Redis complains of, and leave the one that serves alone until `redis-backup check` says that it starts.',
  );

function followsAnother(instance: string, { follows }: NextStarted): Refusal | undefined {
  if (follows === undefined) return undefined;
  return refuse(
    'RESTORE_REFUSED',
    `redis.conf makes ${instance} a replica of ${follows} at its next start, which would overwrite the restored data within seconds`,
    'Remove replicaof from its configuration (CONFIG REWRITE writes what it is now), then plan the restore again.',
  );
}

/** Somebody who is let in now, and whom everything depends on, would not be. */
export function lockedOut(
  instance: string,
  { signInRefused, signInCure = 'write them where its next start reads them', differences }: NextStarted,
): Refusal | undefined {
  if (signInRefused !== undefined) {
    return refuse(
      'RESTORE_REFUSED',
      `after a restart ${instance} would refuse the user and password of redis-backup.yaml, which it takes now: ${signInRefused}`,
      `Keep users and passwords as they are now: ${signInCure}.`,
    );
  }
  const found = differences.find(({ lockedOut, kind, name }) => lockedOut && (kind === 'setting' || name === 'default'));
  if (!found) return undefined;
  return refuse(
    'RESTORE_REFUSED',
    `after a restart ${instance} would refuse clients that sign in now: ${differenceText(found)}`,
    `Keep what is set now: ${found.cure}.`,
  );
}

/** What a restart would take back, in the words of a plan; `check` and a recovery say the same. */
export function restartLosses(next: NextStarted): { text: string; cure: string }[] {
  const byCure = Map.groupBy(next.differences, ({ cure }) => cure);
  return [...byCure].map(([cure, differences]) => {
    const more = differences.length - NAMED;
    const named = differences.slice(0, NAMED).map(differenceText);
    return { text: formatList(more > 0 ? [...named, `${formatCountOf(more, 'more setting')}`] : named), cure };
  });
}

const differenceText = ({ kind, name, what, lockedOut }: StartDifference): string =>
  `${kind} ${name} (${what}${lockedOut ? '; sign-ins of now are refused then' : ''})`;

export function nextStartWarnings({ target: { nextStart }, live, manifest }: PlanInput): string[] {
  if (live || !nextStart || nextStart.outcome === 'fails' || nextStart.outcome === 'another') return [];
  if (nextStart.outcome === 'unknown') {
    return [`what the restored Redis starts with could not be tried beforehand: ${nextStart.why}`];
  }
  return [
    ...restartLosses(nextStart).map(
      ({ text, cure }) =>
        `the restored Redis starts with what its configuration says, and not with what was set at run time: ${text}. To keep it: ${cure}`,
    ),
    ...functionsReplaced(nextStart, manifest.rdb.functions),
    ...uncomparedText(nextStart),
  ];
}

const functionsReplaced = ({ functionsNow = [] }: NextStarted, inBackup: number): string[] =>
  functionsNow.length === 0
    ? []
    : [
        `the function libraries of now (${formatList(functionsNow)}) are replaced, too: the backup has ${formatCountOf(inBackup, 'library', 'libraries')}`,
      ];

export const uncomparedText = ({ uncompared, signInRefused }: NextStarted): string[] =>
  uncompared.length === 0 || signInRefused
    ? []
    : [`whether a restart takes something back is not known in full: ${formatList(uncompared)} may not be asked`];

/** What the next start says outdoes what the running server says of itself. */
export function asStartedNext(facts: ServerFacts, next: NextStart | undefined): ServerFacts {
  if (next?.outcome !== 'starts') return facts;
  const { server, databases, maxmemoryBytes, maxmemoryPolicy, modules } = next;
  return {
    ...facts,
    ...server,
    ...(databases === undefined ? {} : { databases }),
    ...(maxmemoryBytes === undefined ? {} : { maxmemoryBytes }),
    ...(maxmemoryPolicy === undefined ? {} : { maxmemoryPolicy }),
    ...(modules === undefined ? {} : { modules }),
  };
}
