import { formatBytes, formatCountOf } from './format.ts';
import type { SnapshotManifest } from './manifest.ts';
import type { PlannedStep, RestoreMode, RestorePlan, TargetFacts } from './plan.ts';

/** The slowest load measured: 50.5 MB of small keys in 0.64 s on redis 7.0.15, 2 cores; 620 MB took 4.4 s (141 MB/s). */
export const LOAD_BYTES_PER_SECOND = 80_000_000;
/** A full sync with `rdbcompression yes`: Redis itself is the limit. Measured, redis 7.0.15. */
const SNAPSHOT_BYTES_PER_SECOND = 65_000_000;
/** `repl-diskless-sync-delay`, default of Redis 7. */
const SNAPSHOT_DELAY_SECONDS = 5;
/** An object store over a 1 Gbit/s link that is half ours. */
const FETCH_BYTES_PER_SECOND = 60_000_000;
/** SHUTDOWN waits for lagging replicas as long as `shutdown-timeout` says. */
const STOP_SECONDS = { alone: 2, withReplicas: 12 } as const;
/** From the start of the process to the first byte that it loads. */
const START_SECONDS = 1;
/** For the AOF manifest, an empty incr, the log of the start. */
const SMALL_FILES_BYTES = 1_000_000;

/**
 * Bytes that must be free in the file system of `dir`. Existing data is kept aside and frees nothing. With `appendonly yes`
 * the server soon rewrites its log, which writes the whole data set once more beside the base.
 */
export function spaceFor(manifest: SnapshotManifest, mode: RestoreMode, target: TargetFacts): RestorePlan['space'] {
  const rewrite = mode === 'append-only-directory' ? manifest.rdb.bytes : 0;
  return {
    neededBytes: manifest.rdb.bytes + rewrite + SMALL_FILES_BYTES,
    freeBytes: target.disk.freeBytes,
    keptAsideBytes: target.disk.existingBytes,
  };
}

/** Memory of the loaded data set against what is there once the present process has ended. `maxmemory` is judged apart. */
export function memoryFor(manifest: SnapshotManifest, { memory }: TargetFacts): RestorePlan['memory'] {
  const neededBytes = dataBytes(manifest);
  const freed = memory.processResidentBytes ?? 0;
  const candidates = [
    ...(memory.hostAvailableBytes === undefined
      ? []
      : [
          {
            bytes: memory.hostAvailableBytes + freed,
            why: freed > 0 ? 'free on the host once Redis has stopped' : 'free on the host',
          },
        ]),
    ...(memory.hostTotalBytes === undefined ? [] : [{ bytes: memory.hostTotalBytes, why: 'in the host' }]),
    ...(memory.limitBytes === undefined ? [] : [{ bytes: memory.limitBytes, why: 'the limit of the control group' }]),
  ];
  const [first, ...others] = candidates;
  if (first === undefined) return { neededBytes, availableWhy: 'not known' };
  const least = others.reduce((a, b) => (b.bytes < a.bytes ? b : a), first);
  return { neededBytes, availableBytes: least.bytes, availableWhy: least.why };
}

/** From this part of maxmemory on, what clients write at once may push out what was just restored. */
const NEARLY_FULL = 0.95;

/** Does the data fill maxmemory so far that the server may soon evict keys, or refuse writes? */
export const fillsMaxmemory = (manifest: SnapshotManifest, { server }: TargetFacts): boolean =>
  (server?.maxmemoryBytes ?? 0) > 0 && dataBytes(manifest) > (server?.maxmemoryBytes ?? 0) * NEARLY_FULL;

export const mayEvict = (manifest: SnapshotManifest, target: TargetFacts): boolean =>
  fillsMaxmemory(manifest, target) && target.server?.maxmemoryPolicy !== 'noeviction';

/** Memory of the data set, as the server that wrote it counted: `used-mem` of the RDB. */
const dataBytes = ({ rdb, server }: SnapshotManifest): number => rdb.usedMemoryBytes ?? server.usedMemoryBytes;

/** A snapshot of what stands there, right before it is replaced; its files are kept aside in any case. */
export function safetySnapshotFor(target: TargetFacts): RestorePlan['safetySnapshot'] {
  if (!target.reachable) return { taken: false, why: 'Redis does not answer; its files are kept aside' };
  if (target.loading) return { taken: false, why: 'Redis is loading and gives no snapshot; its files are kept aside' };
  if (target.keysNow?.total === 0) return { taken: false, why: 'the target holds no keys' };
  return { taken: true };
}

/** The steps in their order. What makes clients wait comes as late as it can. */
export function stepsFor(manifest: SnapshotManifest, mode: RestoreMode, target: TargetFacts): PlannedStep[] {
  const { rdb, stored } = manifest;
  const safety = safetySnapshotFor(target);
  const stop = target.replicas.length > 0 ? STOP_SECONDS.withReplicas : STOP_SECONDS.alone;
  const load = rdb.bytes / LOAD_BYTES_PER_SECOND;
  const file = mode === 'rdb-file' ? target.layout.dbfilename : `${target.layout.appenddirname}/ with the RDB as its base`;
  const steps: PlannedStep[] = [
    step(
      'fetchBackup',
      `download and verify ${formatBytes(stored.bytes)} beside the data, while Redis serves`,
      stored.bytes / FETCH_BYTES_PER_SECOND,
    ),
    ...(safety.taken
      ? [
          step(
            'safetySnapshot',
            'take a safety snapshot of what is there now',
            SNAPSHOT_DELAY_SECONDS + rdb.bytes / SNAPSHOT_BYTES_PER_SECOND,
          ),
        ]
      : []),
    step(
      'stopServer',
      target.processRunning ? 'stop Redis without saving: nobody is served from here on' : 'make sure that Redis is stopped',
      stop,
      true,
    ),
    step('putAside', `move the old data aside in ${target.layout.dir}; nothing is deleted`, 1, true),
    step('replaceData', `put ${file} in its place`, 1, true),
    step('startServer', `start Redis and load ${formatBytes(rdb.bytes)}`, START_SECONDS + load, true),
    step('verifyCounts', `prove that all ${formatCountOf(rdb.keys, 'key')} arrived or had expired`, 1),
    step('verifyApplications', applicationsTitle(target.applications), 10),
  ];
  return steps;
}

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
