import { formatBytes } from '../format.ts';
import { type HealthReport, heardRedis } from '../health-report.ts';
import { type FatalSign, fatalSign, type Mending } from './log-signatures.ts';
import type { Observations, PlatformObservations } from './observations.ts';
import { successorOf } from './successor.ts';

/**
 * Whose word counts, before the class is told: Redis itself, to whoever it answers; then what its machine says of its process and
 * its log; and only together with another side what a worker misses. Each class says in which of these it is seen.
 *
 * stranger          surely another Redis answers in its place
 * another           the worker and its machine are answered by two different ones
 * not-redis         something that is no Redis answers the worker
 * answers           Redis has answered, the worker or (`isCutOff`) only its own machine
 * mute              its process is there, and nobody gets an answer
 * start-failed      its process is not there, and its log says what its last start ended of
 * mended            the same, and that was put right since
 * ended             its process is not there, and its log says nothing against the next start
 * served-elsewhere  its process is not there, and applications are served all the same
 * unseen            nobody could look at its process: this worker and the applications are left
 */
export type Situation = { seen: Observations } & (
  | { kind: 'stranger'; why: string }
  | { kind: 'another'; here: HealthReport; there: HealthReport }
  | { kind: 'not-redis' }
  | { kind: 'answers'; answer: HealthReport; isCutOff: boolean }
  | { kind: 'mute' | 'ended'; platform: PlatformObservations }
  | { kind: 'start-failed'; platform: PlatformObservations; fatal: FatalSign }
  | { kind: 'mended'; platform: PlatformObservations; fatal: FatalSign; mended: string }
  | { kind: 'served-elsewhere'; ended: Situation }
  | { kind: 'unseen' }
);

/** Less than this is full: Redis needs room for the next part of its log, and a save needs as much as the data. */
export const DISK_FULL_BYTES = 1 << 20;

export function situationOf(seen: Observations): Situation {
  const { worker, platform } = seen;
  if (platform?.stranger !== undefined) return { kind: 'stranger', seen, why: platform.stranger };
  if (platform && isLooping(platform)) return afterItsEnd(seen, platform);
  const local = platform?.local;
  if (heardRedis(worker)) {
    return isAnother(worker, local)
      ? { kind: 'another', seen, here: worker, there: local }
      : { kind: 'answers', seen, answer: worker, isCutOff: false };
  }
  if (worker.verdict === 'not-redis') return { kind: 'not-redis', seen };
  if (local && heardRedis(local)) return { kind: 'answers', seen, answer: local, isCutOff: true };
  if (!platform || platform.server.running === 'unknown') return { kind: 'unseen', seen };
  if (platform.server.running) return { kind: 'mute', seen, platform };
  const ended = afterItsEnd(seen, platform);
  // Where a former replica serves in its place, they are at work with that.
  return isSeenAtWork(seen) && !successorOf(seen) ? { kind: 'served-elsewhere', seen, ended } : ended;
}

/** Its supervisor brings it up again and again: between two ends it may even answer that it loads. */
function isLooping({ server, run, earlierRun, local }: PlatformObservations): boolean {
  if (!server.crashLoop || local?.verdict === 'serves') return false;
  return [run, earlierRun].some((one) => one && !one.ready && fatalSign(one)) || server.running === false;
}

function isAnother(worker: HealthReport, local: HealthReport | undefined): local is HealthReport {
  const [here, there] = [worker.facts?.runId, local?.facts?.runId];
  return here !== undefined && there !== undefined && here !== '' && there !== '' && here !== there;
}

const isSeenAtWork = ({ applications }: Observations): boolean => applications.some(({ verdict }) => verdict === 'connected');

function afterItsEnd(seen: Observations, there: PlatformObservations): Situation {
  const platform = atItsEnd(there);
  const fatal = fatalOf(platform);
  if (!fatal) return { kind: 'ended', seen, platform };
  const mended = mendedSince(there);
  return mended === undefined
    ? { kind: 'start-failed', seen, platform, fatal }
    : { kind: 'mended', seen, platform, fatal, mended };
}

const fatalOf = ({ run }: PlatformObservations) => (run && !run.ready ? fatalSign(run) : undefined);

/** Of one that is just being brought up again, the run before says why it ended. */
function atItsEnd(platform: PlatformObservations): PlatformObservations {
  const { server, run, earlierRun } = platform;
  const isOnItsWay = server.crashLoop && earlierRun !== undefined && !earlierRun.ready && fatalSign(run) === undefined;
  return isOnItsWay ? { ...platform, run: earlierRun } : platform;
}

/**
 * Why the reason for which the last start failed may be gone: then it is started again, and loads what it has. Only where a start
 * that fails once more changes no data.
 */
export function mendedSince(there: PlatformObservations): string | undefined {
  const platform = atItsEnd(there);
  const { files, end, data, server, local } = platform;
  const fatal = fatalOf(platform);
  if (!fatal || server.running !== false || server.crashLoop) return undefined;
  const endedAt = end?.at ?? files?.loggedAt;
  const isNewer = (at: string | undefined) => at !== undefined && endedAt !== undefined && Date.parse(at) > Date.parse(endedAt);
  const free = data?.freeBytes ?? 0;
  const mendings: Record<Mending, string | false> = {
    configuration: isNewer(files?.configChangedAt) && 'Its configuration was changed since its last start failed.',
    program: isNewer(files?.binaryChangedAt) && 'Its program was replaced since its last start failed.',
    room: free >= DISK_FULL_BYTES && `There is room on its disk again: ${formatBytes(free)}.`,
    port: local === undefined && 'Nothing listens on its port any more.',
  };
  return fatal.mendedBy.map((what) => mendings[what]).find((why) => why !== false);
}
