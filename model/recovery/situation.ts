import { heardRedis, type RedisLook } from '../redis-look.ts';
import { failureOfAnswer } from './answer-evidence.ts';
import { failureOfEnd } from './end-evidence.ts';
import { type Found, found } from './found.ts';
import { fatalSign } from './log-signatures.ts';
import type { PlaceSigns, Signs } from './observations.ts';

/**
 * Tells the class. The order is: what Redis itself says, to whoever it says it; then what its machine says of its process and its
 * log; and only together with another side what a worker misses. That a worker alone can't reach a Redis condemns nobody.
 */
export function tellFailure(signs: Signs): Found {
  const { worker, place } = signs;
  if (place?.stranger !== undefined) return strangerInPlace(signs, place.stranger);
  if (place && isLooping(place)) return failureOfEnd(place, signs.nowMs);
  const local = place?.local;
  if (heardRedis(worker)) {
    return isAnother(worker, local) ? anotherRedis(worker, local) : failureOfAnswer(signs, worker);
  }
  if (worker.verdict === 'not-redis') return strangerThere(signs);
  if (local && heardRedis(local)) return onlyFromThere(signs, local);
  if (place && place.server.running !== 'unknown') return place.server.running ? mute(signs, place) : notThere(signs, place);
  return withoutPlace(signs);
}

/** Its supervisor brings it up again and again: between two ends it may even answer that it loads. */
function isLooping({ server, run, earlierRun, local }: PlaceSigns): boolean {
  if (!server.crashLoop || local?.verdict === 'serves') return false;
  return [run, earlierRun].some((one) => one && !one.ready && fatalSign(one)) || server.running === false;
}

function isAnother(worker: RedisLook, local: RedisLook | undefined): local is RedisLook {
  const [here, there] = [worker.facts?.runId, local?.facts?.runId];
  return here !== undefined && there !== undefined && here !== '' && there !== '' && here !== there;
}

const anotherRedis = (worker: RedisLook, local: RedisLook): Found =>
  found(
    'wrong-endpoint',
    [`${worker.address} is answered by the Redis with run id ${worker.facts?.runId}, on its machine runs ${local.facts?.runId}.`],
    ['Correct the address, the service or the proxy that leads to another Redis; or it was restarted just now: look again.'],
  );

/** It is somebody's, and holds somebody's data: nothing is done to it. */
const strangerInPlace = ({ instance }: Signs, why: string): Found =>
  found(
    'wrong-endpoint',
    [`Another Redis answers in the place of ${instance}: ${why}.`],
    [
      `Another Redis answers in the place of ${instance}, and is left alone: ${why}. Give it another port, or end it, then look again; if it is ${instance}, name its redis.conf in redis-backup.yaml.`,
    ],
  );

function strangerThere({ worker, place }: Signs): Found {
  const own = place?.local?.verdict === 'serves' ? `On ${place.host} Redis itself serves.` : undefined;
  return found(
    'wrong-endpoint',
    [`${worker.detail}.`, own],
    [`Correct the url of the instance, or find out what took over ${worker.address}.`],
  );
}

/** The worker can't reach it, its own machine can. */
function onlyFromThere(signs: Signs, local: RedisLook): Found {
  const told = failureOfAnswer(signs, local);
  const cut = `This worker got no answer from ${signs.worker.address} (${signs.worker.detail}); on its own machine Redis answers.`;
  if (told.failure !== 'healthy') return { ...told, evidence: [...told.evidence, cut] };
  return found('cut-off', [cut, ...told.evidence, ...seenAtWork(signs)], adviceOfCutOff(signs));
}

const adviceOfCutOff = ({ worker }: Signs): string[] => [
  worker.verdict === 'tls'
    ? `Look at the certificates and at what ${worker.address} speaks: ${worker.detail}.`
    : `Look at the network between this worker and ${worker.address}: address, DNS, firewall, network policy, bind.`,
];

const seenAtWork = ({ applications }: Signs): string[] =>
  applications.filter(({ verdict }) => verdict === 'connected').map(({ name, detail }) => `Application ${name}: ${detail}.`);

/** A process is there and nobody gets an answer from it. */
function mute(signs: Signs, place: PlaceSigns): Found {
  const { worker } = signs;
  const { name = 'A process' } = place.server;
  const there = `${name.slice(0, 1).toUpperCase()}${name.slice(1)} of ${place.description} is there.`;
  const both = `Neither this worker (${worker.detail}) nor its own machine (${place.local?.detail ?? 'not asked'}) gets an answer.`;
  if (place.run && !place.run.ready && place.run.loading) {
    return found('loading', ['Its log says that it loads its data; a Redis that loads is silent at times.', there, both]);
  }
  if (place.local?.verdict === 'silent') {
    return found(
      'silent',
      [both, there],
      [
        'See what it does before it is restarted (top, a stopped process, a slow disk, KEYS or a large delete): many of these end by themselves.',
      ],
    );
  }
  if (place.local?.verdict === 'not-redis')
    return found('wrong-endpoint', [`${place.local.detail}.`, there], [`Find out what took over ${place.local.address}.`]);
  return found(
    'unknown',
    [both, there],
    [
      'The process runs, and does not listen where the configuration says: compare port, bind and TLS of redis.conf with the url of the instance.',
    ],
  );
}

/** No process. If applications are served nevertheless, somebody else serves them, and a start would make two. */
function notThere(signs: Signs, place: PlaceSigns): Found {
  const served = seenAtWork(signs);
  const told = failureOfEnd(place, signs.nowMs);
  if (served.length === 0) return told;
  return found(
    'unknown',
    [...told.evidence, ...served, 'Applications are served although this Redis is not running: by another one.'],
    ['Find out which Redis serves the applications before this one is started: two primaries lose writes.'],
  );
}

/** Two sides are left: this worker and the applications. */
function withoutPlace(signs: Signs): Found {
  const { worker, applications } = signs;
  const missed = `This worker got no answer from ${worker.address}: ${worker.detail}.`;
  if (seenAtWork(signs).length > 0) return found('cut-off', [missed, ...seenAtWork(signs)], adviceOfCutOff(signs));
  const missing = applications.filter(({ kind, verdict }) => kind !== 'clients' && verdict === 'missing');
  const notAsked = 'Nobody could look at its process.';
  if (missing.length > 0 && (worker.verdict === 'refused' || worker.verdict === 'silent')) {
    const sides = missing.map(({ name, detail }) => `Application ${name}: ${detail}.`);
    const failure = worker.verdict === 'refused' ? 'dead' : 'silent';
    return found(
      failure,
      [missed, ...sides, notAsked],
      ['Start or restart it where it runs: no worker of redis-backup sees its machine.'],
    );
  }
  return found(
    'unknown',
    [missed, notAsked, 'What this worker alone sees condemns nobody.'],
    [
      ...adviceOfCutOff(signs),
      'Look whether the process runs; a worker on its machine, or an application with a health URL, would tell.',
    ],
  );
}
