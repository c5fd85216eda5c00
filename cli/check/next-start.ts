import { lookAtNextStart } from '../../activities/restore/next-start.ts';
import type { NextStart, NextStarted } from '../../model/restore/next-start.ts';
import {
  lockedOut,
  olderProgram,
  restartLosses,
  startsAnother,
  uncomparedText,
  unstartable,
} from '../../model/restore/plan/next-start.ts';
import type { Server } from '../../model/restore/rdb-versions.ts';
import type { Control } from '../../platforms/platform.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import type { RedisConnection } from '../../redis/client/connection.ts';
import { productOf } from '../../redis/server-facts.ts';
import { type Finding, failed, findings, ok, warning } from './finding.ts';

const CHECK = 'next start';

/** A restart, and each restore and recovery is one, gives the Redis that runs now. Tried beside it, in an empty directory. */
export const checkNextStart = (
  instance: string,
  platform: Control,
  connection: RedisConnection,
  client: RedisClient | undefined,
): Promise<Finding[]> =>
  findings(CHECK, async () => {
    const running = client && productOf(await client.info('server'));
    return foundOf(instance, await lookAtNextStart(platform, connection, client), running);
  });

function foundOf(instance: string, next: NextStart, running: Server | undefined): Finding[] {
  if (next.outcome === 'unknown') {
    const why = `what its next start would be could not be tried: ${next.why}`;
    return [
      warning(CHECK, why, 'Start it by `redis-server /path/redis.conf` or systemd, or compare by hand what was set at run time.'),
    ];
  }
  if (next.outcome === 'fails') {
    const { message, next: step } = unstartable(instance, next.lastLines);
    return [failed(CHECK, message, step)];
  }
  if (next.outcome === 'another') {
    const { message, next: step } = startsAnother(instance, next);
    return [failed(CHECK, message, step)];
  }
  return startedFindings(instance, next, running);
}

/** A recovery sees it, and asks; a supervisor that starts Redis by itself does not. */
const loadsTheOlder = ({ what, cure }: NextStarted['differences'][number]): Finding =>
  failed(
    CHECK,
    `after a crash it loads the older of its files: appendonly was switched while it ran, and not in redis.conf (${what})`,
    `To keep it: ${cure}.`,
  );

function startedFindings(instance: string, next: NextStarted, running: Server | undefined): Finding[] {
  const refusals = [olderProgram(instance, next, running), lockedOut(instance, next)].filter((one) => one !== undefined);
  const found = [
    ...refusals.map(({ message, next: step }) => failed(CHECK, message, step)),
    ...(next.follows
      ? [
          warning(
            CHECK,
            `at its next start it becomes a replica of ${next.follows}`,
            'Remove replicaof, or let it be: restores are refused.',
          ),
        ]
      : []),
    ...next.differences.filter(({ kind, name }) => kind === 'setting' && name === 'appendonly').map(loadsTheOlder),
    ...restartLosses(next).map(({ text, cure }) =>
      warning(CHECK, `a restart takes back what was set at run time: ${text}`, `To keep it: ${cure}.`),
    ),
    ...uncomparedText(next).map((text) =>
      warning(CHECK, text, 'Let the user of redis-backup.yaml ask: `+acl|list +config|get +module|list`.'),
    ),
  ];
  return found.length > 0 ? found : [ok(CHECK, 'its redis.conf starts, with the users and settings that it has now')];
}
