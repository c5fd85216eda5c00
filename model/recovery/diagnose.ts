import { heardRedis, type RedisLook } from '../redis-look.ts';
import { whatChanged } from './changed.ts';
import { CLIENTS } from './clients.ts';
import { unstartableText } from './end-evidence.ts';
import { FAILURE_CLASSES } from './failure-classes.ts';
import { adviceOnLog } from './log-advice.ts';
import type { Signs } from './observations.ts';
import { planActs, replicasWithData } from './plan-actions.ts';
import type { Assessment } from './recovery.ts';
import { tellFailure } from './situation.ts';
import { logState, worstLossOf } from './worst-loss.ts';

/** Everything of an assessment but its digest, for which model/ has no hash: see `digestSource`. */
export type Classified = Omit<Assessment, 'digest'>;

/** Says what is wrong, what speaks for it, what clients get, what is to be done and what it costs at worst. */
export function classifyFailure(seen: Signs): Classified {
  const signs = withoutStranger(seen);
  const { failure, evidence, advice } = tellFailure(signs);
  const since = sinceWhen(signs, failure);
  const log = logState(signs, since);
  const acts = planActs(failure, signs);
  const look = heardRedis(signs.worker) ? signs.worker : signs.place?.local;
  return {
    instance: signs.instance,
    at: new Date(signs.nowMs).toISOString(),
    failure,
    evidence: [...evidence, ...applicationEvidence(signs), ...(signs.place?.unseen ?? []), ...signs.stored.unknown],
    restartHelps: FAILURE_CLASSES[failure].restartHelps && !(signs.place && unstartableText(signs.place)),
    clients: CLIENTS[failure],
    ...(since === undefined ? {} : { since }),
    acts,
    advice: [...advice, ...adviceOnLog(signs, acts)],
    changed: whatChanged(signs),
    ...backupOf(signs),
    ...(log ? { log } : {}),
    worstLoss: worstLossOf(failure, signs, log),
    replicas: replicasWithData(signs),
    ...serverOf(look),
    ...platformOf(signs),
    settings: signs.settings,
    applications: signs.applications.map(({ name }) => name),
  };
}

/** What another Redis says of itself, and its process, tell nothing of ours. */
function withoutStranger(signs: Signs): Signs {
  const { place, worker } = signs;
  if (place?.stranger === undefined) return signs;
  const { local, nextStart: _next, ...rest } = place;
  const { crashLoop, restartsByItself } = place.server;
  return {
    ...signs,
    worker: withoutFacts(worker),
    place: {
      ...rest,
      ...(local ? { local: withoutFacts(local) } : {}),
      server: { running: 'unknown', crashLoop, restartsByItself },
    },
  };
}

const withoutFacts = ({ facts: _, ...look }: RedisLook): RedisLook => look;

/** What a person approves: the instance, the class and the acts, and not what was seen this second. */
export const digestSource = ({ instance, failure, acts }: Pick<Assessment, 'instance' | 'failure' | 'acts'>): string =>
  JSON.stringify([instance, failure, acts.map(({ act, text, ask }) => [act, text, ask?.question, ask?.otherwise])]);

/** The end of its process, or of a living one that lost its data its start. */
function sinceWhen({ place, worker, nowMs }: Signs, failure: Assessment['failure']): string | undefined {
  if (['empty', 'rdb-ignored', 'aof-manifest-lost', 'loading'].includes(failure)) {
    const uptime = (worker.facts ?? place?.local?.facts)?.uptimeSeconds;
    if (uptime !== undefined) return new Date(nowMs - uptime * 1000).toISOString();
  }
  return place?.server.running === false ? place.end?.at : undefined;
}

function applicationEvidence({ applications }: Signs): string[] {
  const missing = applications.filter(({ verdict }) => verdict === 'missing');
  return missing.map(({ name, detail }) => `Application ${name}: ${detail}.`);
}

function backupOf({ stored, nowMs }: Signs): Pick<Assessment, 'backup'> {
  const { backup } = stored;
  if (!backup) return {};
  const { backupId, times, rdb } = backup;
  const ageSeconds = Math.max(0, Math.round((nowMs - Date.parse(times.takenAt)) / 1000));
  return { backup: { backupId, takenAt: times.takenAt, ageSeconds, keys: rdb.keys } };
}

function serverOf(look: RedisLook | undefined): Pick<Assessment, 'server'> {
  if (!look?.facts) return {};
  const { runId, version, uptimeSeconds, keys, role } = look.facts;
  return { server: { runId, version, uptimeSeconds, keys, role } };
}

function platformOf({ place }: Signs): Pick<Assessment, 'platform'> {
  if (!place || place.server.running === 'unknown') return {};
  const { running, identity } = place.server;
  return { platform: { running, ...(identity === undefined ? {} : { identity }) } };
}
