import { formatBytes, formatCountOf } from '../../format.ts';
import { startUserText } from '../start-user.ts';
import { savedAtStop } from './estimates.ts';
import type { TargetFacts } from './facts.ts';
import type { Loads } from './loads.ts';
import type { PlannedStep, RestorePlan } from './types.ts';

/** The slowest load measured: 50.5 MB of small keys in 0.64 s on redis 7.0.15, 2 cores; 620 MB took 4.4 s (141 MB/s). */
const LOAD_BYTES_PER_SECOND = 80_000_000;
/** Commands of 144 bytes, one after another: measured with redis 7.0.15, 2 cores. */
const REPLAY_BYTES_PER_SECOND = 40_000_000;
/** A full sync or a save with `rdbcompression yes`: Redis itself is the limit. Measured, redis 7.0.15. */
const SNAPSHOT_BYTES_PER_SECOND = 65_000_000;
/** `repl-diskless-sync-delay`, default of Redis 7. */
const SNAPSHOT_DELAY_SECONDS = 5;
/** An object store over a 1 Gbit/s link that is half ours. */
const FETCH_BYTES_PER_SECOND = 60_000_000;
/** SHUTDOWN waits for lagging replicas as long as `shutdown-timeout` says. */
const STOP_SECONDS = { alone: 2, withReplicas: 12 } as const;
/** From the start of the process to the first byte that it loads. */
const START_SECONDS = 1;

/** The steps in their order. What makes clients wait comes as late as it can. */
export function stepsFor(
  loads: Loads,
  target: TargetFacts,
  { mode, appendForm, safetySnapshot }: Pick<RestorePlan, 'mode' | 'appendForm' | 'safetySnapshot'>,
): PlannedStep[] {
  const { rdb, log } = loads;
  const logBytes = log?.bytes ?? 0;
  const andLog = log ? ` and ${formatBytes(logBytes)} of log` : '';
  const safety = step(
    'safetySnapshot',
    'take a safety snapshot of what is there now',
    SNAPSHOT_DELAY_SECONDS + rdb.bytes / SNAPSHOT_BYTES_PER_SECOND,
  );
  return [
    fetchStep(loads, `beside the data${target.reachable ? ', while Redis serves' : ''}`),
    ...(safetySnapshot.taken ? [safety] : []),
    stopStep(mode, target),
    step('putAside', `move the old data aside in ${target.layout.dir}, where it stays`, 1, true),
    step('replaceData', `put ${placed(mode, appendForm, target)} in its place`, 1, true),
    step(
      'startServer',
      `start Redis${startUser(target)} and load ${formatBytes(rdb.bytes)}${andLog}`,
      START_SECONDS + rdb.bytes / LOAD_BYTES_PER_SECOND + logBytes / REPLAY_BYTES_PER_SECOND,
      true,
    ),
    countStep(loads),
    step('verifyApplications', applicationsTitle(target.applications), 10),
  ];
}

const startUser = ({ startUser }: TargetFacts): string => (startUser ? startUserText(startUser) : '');

/** The steps of strategy `live`: Redis is never stopped, and its old data is read until the new is complete. */
export function liveStepsFor(
  loads: Loads,
  target: TargetFacts,
  { safetySnapshot }: Pick<RestorePlan, 'safetySnapshot'>,
): PlannedStep[] {
  const { rdb, log } = loads;
  const logBytes = log?.bytes ?? 0;
  const andLog = log ? ` and ${formatBytes(logBytes)} of log` : '';
  const safety = step(
    'safetySnapshot',
    'take a safety snapshot of what is there now',
    SNAPSHOT_DELAY_SECONDS + rdb.bytes / SNAPSHOT_BYTES_PER_SECOND,
  );
  const loadSeconds = 2 + (1.7 * rdb.bytes) / LOAD_BYTES_PER_SECOND + logBytes / REPLAY_BYTES_PER_SECOND;
  return [
    fetchStep(loads, 'on the machine of the worker, while Redis serves'),
    ...(safetySnapshot.taken ? [safety] : []),
    step(
      'loadLive',
      `Redis follows the worker and takes ${formatBytes(rdb.bytes)}${andLog}: writes are refused`,
      loadSeconds,
      true,
    ),
    countStep(loads),
    step('ownPersistence', 'wait until Redis has the new data in its own files', rdb.bytes / SNAPSHOT_BYTES_PER_SECOND),
    step('verifyApplications', applicationsTitle(target.applications), 10),
  ];
}

function fetchStep({ rdb, log, fetchBytes, rehearsed }: Loads, where: string): PlannedStep {
  if (rehearsed)
    return step(
      'fetchBackup',
      `put the ${formatBytes(rdb.bytes)} that the rehearsal gave ${where}`,
      rdb.bytes / FETCH_BYTES_PER_SECOND,
    );
  const what = log ? `${formatBytes(fetchBytes - log.bytes)} and ${formatBytes(log.bytes)} of log` : formatBytes(fetchBytes);
  return step('fetchBackup', `download and verify ${what} ${where}`, fetchBytes / FETCH_BYTES_PER_SECOND);
}

/** What is proved: of a log that nobody tried, only that its base was loaded. */
function countStep({ rdb, log }: Loads): PlannedStep {
  const keys = formatCountOf(rdb.keys, 'key');
  if (log) return step('verifyCounts', `see that the ${keys} of the base were loaded, and count what stands after the log`, 1);
  return step(
    'verifyCounts',
    `prove that ${rdb.keys === 1 ? 'the' : 'all'} ${keys} arrived or had expired, and count what stands there by class`,
    1,
  );
}

function stopStep(mode: RestorePlan['mode'], target: TargetFacts): PlannedStep {
  const saved = savedAtStop(mode, target);
  const seconds =
    (target.replicas.length > 0 ? STOP_SECONDS.withReplicas : STOP_SECONDS.alone) + saved / SNAPSHOT_BYTES_PER_SECOND;
  if (!target.processRunning) return step('stopServer', 'make sure that Redis is stopped', seconds, true);
  const how = saved > 0 ? 'stop Redis, which saves what it has' : 'stop Redis';
  return step('stopServer', `${how}: nobody is served from here on`, seconds, true);
}

const placed = (mode: RestorePlan['mode'], form: RestorePlan['appendForm'], { layout }: TargetFacts): string => {
  if (mode === 'rdb-file') return layout.dbfilename;
  return form === 'multi-part'
    ? `${layout.appenddirname}/ with the RDB as its base`
    : `${layout.appendfilename} with the RDB as its preamble`;
};

/** Stop, replace, start and load: from the first refused connection to `loading:0`. */
export const downtimeOf = (steps: readonly PlannedStep[]): number =>
  steps.filter(({ destructive }) => destructive).reduce((sum, { estimateSeconds }) => sum + estimateSeconds, 0);

const step = (name: PlannedStep['name'], title: string, seconds: number, destructive = false): PlannedStep => ({
  name,
  title,
  destructive,
  estimateSeconds: Math.max(1, Math.ceil(seconds)),
});

const applicationsTitle = (applications: readonly string[]): string =>
  applications.length === 0 ? 'verify no application: none is configured' : `verify that ${applications.join(', ')} reach it`;
