import type { ServerFacts } from '../backup/manifest.ts';
import { formatTime } from '../format.ts';
import type { NextStart } from '../restore/next-start.ts';
import { restartLosses } from '../restore/plan/next-start.ts';
import type { Observations } from './observations.ts';

const RECENT_MS = 30 * 60_000;

/** What changed in the last 30 minutes as far as it is seen, and against the newest backup. One sentence each. */
export function whatChanged(seen: Observations): string[] {
  return [...recently(seen), ...sinceBackup(seen), ...takenBack(seen)];
}

/** What was set since its start: a restart is one of the things that may be decided here. */
function takenBack({ platform }: Observations): string[] {
  const next = platform?.nextStart;
  if (platform?.server.running === false) return whyNotStarted(next);
  if (next?.outcome === 'fails') return [`It would not start again: its redis.conf is refused (${next.lastLines}).`];
  if (next?.outcome === 'another') return [`A restart would start another Redis: ${next.why}.`];
  if (next?.outcome !== 'starts') return [];
  return [
    ...(next.signInRefused ? ['After a restart it would refuse our own user and password.'] : []),
    ...restartLosses(next).map(
      ({ text, cure }) => `A restart takes back what was set at run time: ${text}. To keep it: ${cure}.`,
    ),
  ];
}

/** Said before anybody is asked whether it may be started. */
function whyNotStarted(next: NextStart | undefined): string[] {
  if (next?.outcome === 'fails') return [`It would not start: its redis.conf is refused (${next.lastLines}).`];
  return next?.outcome === 'another' ? [`A start would be of another Redis: ${next.why}.`] : [];
}

function recently({ platform, nowMs, worker }: Observations): string[] {
  const events: [string | undefined, string][] = [
    [platform?.files?.configChangedAt, 'redis.conf was changed'],
    [platform?.files?.binaryChangedAt, 'the program of Redis was replaced'],
    [platform?.server.since ?? startOf(worker.facts?.uptimeSeconds, nowMs), 'its process was started'],
    [platform?.end?.at, 'its process ended'],
  ];
  return events.flatMap(([at, what]) => {
    const ms = at === undefined ? Number.NaN : Date.parse(at);
    return nowMs - ms <= RECENT_MS ? [`At ${formatTime(ms, 'seconds')} ${what}.`] : [];
  });
}

const startOf = (uptimeSeconds: number | undefined, nowMs: number): string | undefined =>
  uptimeSeconds === undefined ? undefined : new Date(nowMs - uptimeSeconds * 1000).toISOString();

function sinceBackup({ stored, worker, platform }: Observations): string[] {
  const before = stored.backup?.server;
  const now = worker.facts ?? platform?.local?.facts;
  if (!before || !now) return [];
  const pairs: [string, string | number, string | number][] = [
    ['its version', `${before.product} ${before.version}`, `${now.product} ${now.version}`],
    ['its role', before.role, now.role],
    ['maxmemory', before.maxmemoryBytes, now.maxmemoryBytes],
    ['maxmemory-policy', before.maxmemoryPolicy, now.maxmemoryPolicy],
    ['appendonly', yesIf(before), now.appendonly ? 'yes' : 'no'],
  ];
  const changed = pairs.filter(([, was, is]) => was !== is && was !== '' && is !== '');
  const restarted = before.runId !== '' && now.runId !== '' && before.runId !== now.runId;
  return [
    ...changed.map(([what, was, is]) => `Since backup ${stored.backup?.backupId} ${what} went from ${was} to ${is}.`),
    ...(restarted ? [`Since backup ${stored.backup?.backupId} it was restarted (another run id).`] : []),
  ];
}

const yesIf = ({ policy }: ServerFacts): string => policy.appendonly;
