import { formatCountOf } from '../../format.ts';
import {
  answered,
  type Evidence,
  failedStart,
  gone,
  logged,
  missedByAll,
  NOBODY_LOOKED,
  nobodyIsAnswered,
  onlyItsMachineHears,
  processIsThere,
  said,
  seenAtWork,
  withPlace,
  workerMissed,
} from '../evidence.ts';
import { signOf } from '../log-signatures.ts';
import type { Observations } from '../observations.ts';
import { planSilent } from '../plan-start.ts';
import type { Situation } from '../situation.ts';
import { heardFacts, keptLoss, lossOfKept, lossOfKill, nothingLost } from '../worst-loss.ts';
import { type FailureClassRow, nothingIsDone, onItsMachine, sinceItsEnd } from './row.ts';

/** Who reaches a Redis, and what is there if anybody does. The last of them is told where no other class fits. */
export const REACH = {
  silent: {
    title: 'Redis runs and does not answer',
    clients: 'Connections are taken and nothing is answered: applications wait for their time-outs.',
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'lives',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      if (situation.kind !== 'mute') return missedByAll(situation, 'silent');
      const { seen, platform } = situation;
      return platform.local?.verdict === 'silent' ? [nobodyIsAnswered(seen, platform), processIsThere(platform)] : undefined;
    },
    advice: ({ kind }) => [
      kind === 'unseen'
        ? 'Start or restart it where it runs: no worker of redis-backup sees its machine.'
        : 'See what it does before it is restarted (top, a stopped process, a slow disk, KEYS or a large delete): many of these end by themselves.',
    ],
    since: sinceItsEnd,
    worstLoss: lossOfKill,
    actions: onItsMachine(planSilent),
    byItself: null,
    asked: 'Restarts it; by kill -9 after another question, and replicas that are further are let go before.',
    you: null,
  },

  'wrong-endpoint': {
    title: 'something else than this Redis answers at its address',
    clients: 'Whoever uses this address gets the answers of something else.',
    restartHelps: false,
    serves: 'stranger',
    explains: 'cause',
    process: 'either',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: somethingElse,
    advice: (situation) => [whatToDoAboutIt(situation)],
    since: sinceItsEnd,
    worstLoss: (seen, log) => keptLoss(seen, log, seen.platform?.local?.facts),
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Find out what answers there. Another Redis in its place is left alone, and does not count as serving.',
  },

  'cut-off': {
    title: 'only this worker cannot reach Redis; applications can',
    clients: 'Applications are answered; only this worker is not.',
    restartHelps: false,
    serves: 'others',
    explains: 'cause',
    process: 'lives',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      const { seen } = situation;
      const atWork = seenAtWork(seen);
      if (situation.kind === 'unseen') return atWork.length > 0 ? [workerMissed(seen), ...atWork] : undefined;
      const answer = answered(situation, 'serves');
      if (!answer || situation.kind !== 'answers' || !situation.isCutOff) return undefined;
      return [onlyItsMachineHears(seen), said(answer), cutLog(seen), ...atWork];
    },
    advice: ({ seen }) => [lookAtTheNetwork(seen)],
    since: sinceItsEnd,
    worstLoss: lossOfKept,
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Look at the network of the worker; Redis is not touched.',
  },

  healthy: {
    title: 'Redis serves',
    clients: 'Reads and writes are answered.',
    restartHelps: false,
    serves: 'yes',
    explains: 'none',
    process: 'either',
    filesStay: false,
    advisedAfterwards: true,
    diagnose: (situation) => {
      const answer = answered(situation, 'serves');
      return answer && [said(answer), cutLog(situation.seen)];
    },
    advice: (situation) => {
      const { rdbLastSave, aofLastWrite, evictedKeys = 0 } = answered(situation, 'serves')?.facts ?? {};
      return [
        ...(rdbLastSave === 'err' ? ['Its last background save failed: look for the reason in its log.'] : []),
        ...(aofLastWrite === 'err' ? ['The last write of its append-only log failed: look at its disk.'] : []),
        ...(evictedKeys > 0 ? [`It has evicted ${formatCountOf(evictedKeys, 'key')} since it started: look at maxmemory.`] : []),
      ];
    },
    since: sinceItsEnd,
    worstLoss: (seen, log) => {
      const facts = heardFacts(seen);
      return facts && !facts.loading ? nothingLost(facts) : lossOfKept(seen, log);
    },
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Nothing; what is missing of the data is counted all the same.',
  },

  unknown: {
    title: 'what is wrong cannot be told from here',
    clients: 'Not known from here.',
    restartHelps: false,
    serves: 'no',
    explains: 'symptom',
    process: 'either',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: whatWasSeen,
    advice: whereToLook,
    since: sinceItsEnd,
    worstLoss: lossOfKept,
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Read what was seen: it is on the page.',
  },
} satisfies Record<string, FailureClassRow>;

function somethingElse(situation: Situation): Evidence | undefined {
  const { seen } = situation;
  const { worker, platform } = seen;
  switch (situation.kind) {
    case 'stranger':
      return [`Another Redis answers in the place of ${seen.instance}: ${situation.why}.`];
    case 'another': {
      const { here, there } = situation;
      return [
        `${here.address} is answered by the Redis with run id ${here.facts?.runId}, on its machine runs ${there.facts?.runId}.`,
      ];
    }
    case 'not-redis':
      return [`${worker.detail}.`, platform?.local?.verdict === 'serves' && `On ${platform.host} Redis itself serves.`];
    case 'mute': {
      const { local } = situation.platform;
      return local?.verdict === 'not-redis' ? [`${local.detail}.`, processIsThere(situation.platform)] : undefined;
    }
    default:
      return failedStart(situation, ['address-in-use']);
  }
}

function whatToDoAboutIt(situation: Situation): string {
  const { instance, worker } = situation.seen;
  switch (situation.kind) {
    case 'stranger':
      // It is somebody's, and holds somebody's data: nothing is done to it.
      return `Another Redis answers in the place of ${instance}, and is left alone: ${situation.why}. Give it another port, or end it, then look again; if it is ${instance}, name its redis.conf in redis-backup.yaml.`;
    case 'another':
      return 'Correct the address, the service or the proxy that leads to another Redis; or it was restarted just now: look again.';
    case 'mute':
      return `Find out what took over ${situation.platform.local?.address}.`;
    case 'start-failed':
      return withPlace(situation, 'Find what else listens on that port, and end it or give it another one; then start Redis.');
    default:
      return `Correct the url of the instance, or find out what took over ${worker.address}.`;
  }
}

const lookAtTheNetwork = ({ worker }: Observations): string =>
  worker.verdict === 'tls'
    ? `Look at the certificates and at what ${worker.address} speaks: ${worker.detail}.`
    : `Look at the network between this worker and ${worker.address}: address, DNS, firewall, network policy, bind.`;

function cutLog({ platform }: Observations): string | undefined {
  const cut = signOf(platform?.run, 'aof-cut');
  const hole = signOf(platform?.earlierRun, 'aof-not-last');
  if (hole) return `The start before this one failed with "${hole.line}": this one loaded a log with a hole in it.`;
  return cut && `The load cut the end of its log off: ${cut.line}`;
}

/** Of whatever no other class has taken. If applications are served nevertheless, somebody else serves them, and a start would make two. */
function whatWasSeen(situation: Situation): Evidence {
  const { seen } = situation;
  switch (situation.kind) {
    case 'answers': {
      const { answer } = situation;
      return [said(answer), answer.verdict === 'refuses-writes' && 'It answers reads and refuses writes.'];
    }
    case 'mute':
      return [nobodyIsAnswered(seen, situation.platform), processIsThere(situation.platform)];
    case 'served-elsewhere':
      return [...seenAtWork(seen), 'Applications are served although this Redis is not running: by another one.'];
    case 'start-failed':
      return [logged(situation.fatal.line), gone(situation.platform)];
    default:
      return [workerMissed(seen), NOBODY_LOOKED, 'What this worker alone sees condemns nobody.'];
  }
}

function whereToLook(situation: Situation): string[] {
  const { seen } = situation;
  switch (situation.kind) {
    case 'answers':
      return [howToTakeWrites(situation.answer.detail)];
    case 'mute':
      return [
        'The process runs, and does not listen where the configuration says: compare port, bind and TLS of redis.conf with the url of the instance.',
      ];
    case 'served-elsewhere':
      return ['Find out which Redis serves the applications before this one is started: two primaries lose writes.'];
    case 'start-failed':
      return ['Read the log of Redis before it is started again.'];
    default:
      return [
        lookAtTheNetwork(seen),
        'Look whether the process runs; a worker on its machine, or an application with a health URL, would tell.',
      ];
  }
}

function howToTakeWrites(detail: string): string {
  if (detail.includes('NOREPLICAS'))
    return 'Bring its replicas back, or lower min-replicas-to-write: it wants more of them before it takes writes.';
  if (detail.includes('CLUSTERDOWN')) return 'Look at CLUSTER INFO: the cluster must be whole first.';
  return 'Read the answer of Redis above.';
}
