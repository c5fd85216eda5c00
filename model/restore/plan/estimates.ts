import type { Owner } from '../../backup/owner.ts';
import type { TargetFacts } from './facts.ts';
import type { Loads } from './loads.ts';
import type { PlanOptions, RestoreMode, RestorePlan } from './types.ts';

/** For the AOF manifest, an empty incr, the log of the start. */
const SMALL_FILES_BYTES = 1_000_000;

/**
 * Bytes that must be free in the file system of `dir`. Existing data is kept aside and frees nothing. With `appendonly yes`
 * the server soon rewrites its log, which writes the whole data set once more beside the base; without, it saves what it
 * has when it is stopped, beside the file that the save replaces. Where the log is one file, RDB and log are joined in a third
 * once Redis is stopped: the room for that is asked for before.
 */
export function spaceFor(
  { rdb, log }: Loads,
  { mode, appendForm }: Pick<RestorePlan, 'mode' | 'appendForm'>,
  target: TargetFacts,
): RestorePlan['space'] {
  const rewrite = mode === 'append-only-directory' ? rdb.bytes : savedAtStop(mode, target);
  const staged = rdb.bytes + (log?.bytes ?? 0);
  const joined = log && appendForm === 'single-file' ? staged : 0;
  return {
    neededBytes: staged + Math.max(rewrite, joined) + SMALL_FILES_BYTES,
    freeBytes: target.disk.freeBytes,
    keptAsideBytes: target.disk.existingBytes,
  };
}

/**
 * Without a log, only a save keeps what clients wrote last; what is put back must be what they saw. The file of the last save tells how
 * large it is, where there are saves; else no more is known than the memory that Redis uses.
 */
export function savedAtStop(mode: RestoreMode, { reachable, keysNow, server, disk }: TargetFacts): number {
  if (mode !== 'rdb-file' || !reachable || keysNow?.total === 0) return 0;
  if (disk.existingBytes > 0 && server?.policy.save !== '') return disk.existingBytes;
  return Math.max(disk.existingBytes, server?.usedMemoryBytes ?? 0);
}

/** Memory of the loaded data set against what is there once the present process has ended. `maxmemory` is judged apart. */
export function memoryFor(loads: Loads, { memory }: TargetFacts): RestorePlan['memory'] {
  const neededBytes = dataBytes(loads);
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
export const fillsMaxmemory = (loads: Loads, { server }: TargetFacts): boolean =>
  (server?.maxmemoryBytes ?? 0) > 0 && dataBytes(loads) > (server?.maxmemoryBytes ?? 0) * NEARLY_FULL;

export const mayEvict = (loads: Loads, target: TargetFacts): boolean =>
  fillsMaxmemory(loads, target) && target.server?.maxmemoryPolicy !== 'noeviction';

/** Memory of the data set, as the server that wrote it counted: `used-mem` of the RDB. */
const dataBytes = ({ rdb, server }: Loads): number => rdb.usedMemoryBytes ?? server.usedMemoryBytes;

/** A snapshot of what stands there, right before it is replaced; its files are kept aside in any case. */
export function safetySnapshotFor(
  target: TargetFacts,
  options: PlanOptions = {},
  foreign?: Owner,
): RestorePlan['safetySnapshot'] {
  if (foreign) return { taken: false, why: 'the repository is that of another; the files are kept aside' };
  if (options.skipSafetySnapshot) return { taken: false, why: 'it was asked to be left out; the files are kept aside' };
  if (!target.reachable) return { taken: false, why: 'Redis does not answer; its files are kept aside' };
  if (target.loading) return { taken: false, why: 'Redis is loading and gives no snapshot; its files are kept aside' };
  if (target.keysNow?.total === 0) return { taken: false, why: 'the target holds no keys' };
  return { taken: true };
}
