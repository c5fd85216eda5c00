import { formatCountOf } from '../format.ts';
import { type HealthReport, heardRedis } from '../health-report.ts';
import { whatChanged } from './changed.ts';
import { type Evidence, onlyItsMachineHears, unstartableText } from './evidence.ts';
import { classify, FAILURE_CLASSES } from './failure-classes.ts';
import { adviceOnLog } from './log-advice.ts';
import type { Observations } from './observations.ts';
import type { Assessment } from './recovery.ts';
import { leftAlone, replicasWithData } from './replicas.ts';
import { type Situation, situationOf } from './situation.ts';
import { askBesideSuccessor, type Successor, successorOf } from './successor.ts';
import { twinAdvice, twinClients, twinsOf, twinText } from './twins.ts';
import { heardFacts, logState } from './worst-loss.ts';

/** Everything of an assessment but its digest, for which model/ has no hash: see `digestSource`. */
export type Diagnosis = Omit<Assessment, 'digest'>;

/** Says what is wrong, what speaks for it, what clients get, what is to be done and what it costs at worst. */
export function diagnose(observed: Observations): Diagnosis {
  const seen = withoutStranger(observed);
  const situation = situationOf(seen);
  const { failure, evidence } = classify(situation);
  const { restartHelps, clients, ...row } = FAILURE_CLASSES[failure];
  const since = row.since(seen);
  const log = logState(seen, since);
  const successor = isGone(situation) ? successorOf(seen) : undefined;
  const own = situation.kind === 'answers' ? heardFacts(seen) : undefined;
  const twins = twinsOf(seen, own);
  const beside = situation.kind === 'mute' ? successorOf(seen) : undefined;
  const actions = successor ? askBesideSuccessor(seen, successor, row.actions(seen)) : row.actions(seen);
  const alone = leftAlone(seen.instance, seen.notReplicas);
  return {
    instance: seen.instance,
    at: new Date(seen.nowMs).toISOString(),
    failure,
    evidence: spoken([
      ...(own ? twins.map((one) => twinText(seen.instance, own, one)) : []),
      successor && servesInItsPlace(seen, successor),
      beside && wouldBeTwins(seen, beside),
      ...ofItsEnd(situation),
      ...evidence,
      ...cutOffEvidence(situation),
      ...whoMissesIt(seen),
      ...alone,
      ...unheard(seen),
      ...unseen(seen),
    ]),
    restartHelps: restartHelps && !(seen.platform && unstartableText(seen.platform)),
    clients: successor ? `${clients} ${successor.address} serves in its place.` : `${clients}${twinClients(twins)}`,
    ...(since === undefined ? {} : { since }),
    actions,
    advice: [...twins.map((one) => twinAdvice(seen.instance, one)), ...row.advice(situation), ...adviceOnLog(seen, actions)],
    changed: whatChanged(seen),
    ...backupOf(seen),
    ...(log ? { log } : {}),
    worstLoss: successor ? `${row.worstLoss(seen, log)} ${lacks(seen, successor)}` : row.worstLoss(seen, log),
    replicas: replicasWithData(seen),
    ...(alone.length > 0 ? { leftAlone: alone } : {}),
    ...(successor ? { successor } : {}),
    ...(twins.length > 0 ? { twins } : {}),
    ...serverOf(heardRedis(seen.worker) ? seen.worker : seen.platform?.local),
    ...platformOf(seen),
    settings: seen.settings,
    applications: seen.applications.map(({ name }) => name),
  };
}

/** Beside one that lives there are two already. */
const isGone = ({ kind, seen }: Situation): boolean =>
  ['ended', 'start-failed', 'mended'].includes(kind) || (kind === 'unseen' && seen.worker.verdict === 'refused');

const servesInItsPlace = ({ instance }: Observations, { address, keys }: Successor): string =>
  `${address}, which was a replica of ${instance}, is a primary by now, with ${formatCountOf(keys, 'key')}: it serves in its place.`;

const wouldBeTwins = ({ instance }: Observations, { address, keys }: Successor): string =>
  `${address}, which was a replica of ${instance}, is a primary by now, with ${formatCountOf(keys, 'key')}: when ${instance} comes back, by itself or restarted, there are two.`;

const lacks = ({ instance }: Observations, { address }: Successor): string =>
  `What ${address} was told since it is a primary, ${instance} lacks.`;

/** What another Redis says of itself, and its process, tell nothing of ours. */
function withoutStranger(seen: Observations): Observations {
  const { platform, worker } = seen;
  if (platform?.stranger === undefined) return seen;
  const { local, nextStart: _next, ...rest } = platform;
  const { crashLoop, restartsByItself } = platform.server;
  return {
    ...seen,
    worker: withoutFacts(worker),
    platform: {
      ...rest,
      ...(local ? { local: withoutFacts(local) } : {}),
      server: { running: 'unknown', crashLoop, restartsByItself },
    },
  };
}

const withoutFacts = ({ facts: _, ...look }: HealthReport): HealthReport => look;

/** What a person approves: the instance, the class and the actions, and not what was seen this second. */
export const digestSource = ({ instance, failure, actions }: Pick<Assessment, 'instance' | 'failure' | 'actions'>): string =>
  JSON.stringify([instance, failure, actions.map(({ action, text, ask }) => [action, text, ask?.question, ask?.otherwise])]);

const spoken = (evidence: Evidence): string[] => [
  ...new Set(evidence.filter((text): text is string => typeof text === 'string' && text !== '')),
];

/** Of one that is not running while applications are served: what it would be without them. */
const ofItsEnd = (situation: Situation): Evidence =>
  situation.kind === 'served-elsewhere' ? classify(situation.ended).evidence : [];

/** Of a Redis that only its own machine hears, whatever it says. */
const cutOffEvidence = (situation: Situation): string[] =>
  situation.kind === 'answers' && situation.isCutOff ? [onlyItsMachineHears(situation.seen)] : [];

function whoMissesIt({ applications }: Observations): string[] {
  const missing = applications.filter(({ verdict }) => verdict === 'missing');
  return missing.map(({ name, detail }) => `Application ${name}: ${detail}.`);
}

/** What nobody knows of a replica is no word for it, nor against it: it cannot be let go either. */
const unheard = ({ replicas, settings }: Observations): string[] =>
  replicas
    .filter(({ address, look }) => !look.facts && settings.replicas.includes(address))
    .map(
      ({ address, look }) =>
        `Not known: replica ${address} could not be asked (${look.detail}); where it follows, it copies what is started.`,
    );

const unseen = ({ platform, stored }: Observations): string[] => [...(platform?.unseen ?? []), ...stored.unknown];

function backupOf({ stored, nowMs }: Observations): Pick<Assessment, 'backup'> {
  const { backup } = stored;
  if (!backup) return {};
  const { backupId, times, rdb } = backup;
  const ageSeconds = Math.max(0, Math.round((nowMs - Date.parse(times.takenAt)) / 1000));
  return { backup: { backupId, takenAt: times.takenAt, ageSeconds, keys: rdb.keys } };
}

function serverOf(look: HealthReport | undefined): Pick<Assessment, 'server'> {
  if (!look?.facts) return {};
  const { runId, version, uptimeSeconds, keys, role } = look.facts;
  return { server: { runId, version, uptimeSeconds, keys, role } };
}

function platformOf({ platform }: Observations): Pick<Assessment, 'platform'> {
  if (!platform || platform.server.running === 'unknown') return {};
  const { running, identity } = platform.server;
  return { platform: { running, ...(identity === undefined ? {} : { identity }) } };
}
