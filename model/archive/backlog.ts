/** How long the archiver may be away, at the write rate of now, and still go on without a new base. */
const COVERED_SECONDS = 120;
/** Redis' own default. */
const LEAST_BYTES = 1_048_576;
const MIB = 1_048_576;

/**
 * How large `repl-backlog-size` should be: what is written in two minutes, in whole MiB, and never less than Redis' default.
 * With its default of 1 MiB a busy server forgets in a second where the archive stands (measured: 34–48 MB/s at full load).
 * @param bytesPerSecond - of the replication stream
 */
export const wantedBacklogBytes = (bytesPerSecond: number): number =>
  Math.max(LEAST_BYTES, Math.ceil((bytesPerSecond * COVERED_SECONDS) / MIB) * MIB);

/** For how long a backlog lasts, seconds. */
export const backlogSeconds = (backlogBytes: number, bytesPerSecond: number): number =>
  bytesPerSecond <= 0 ? Number.POSITIVE_INFINITY : backlogBytes / bytesPerSecond;

/** For so long an archiver may pause (its machine, the network) before it is looked after. */
export const PAUSE_SECONDS = 10;

/**
 * What Redis collects for a replica before it cuts it off within such a pause, from `client-output-buffer-limit` as CONFIG GET
 * says it; 0: no limit. Redis never takes less than its backlog.
 * @see redis 7.0.15 src/networking.c, checkClientOutputBufferLimits
 */
export function replicaBufferBytes(setting: string, backlogBytes: number): { hardBytes: number; text: string } {
  const [, hard = '0', soft = '0', seconds = '0'] = /(?:slave|replica) (\d+) (\d+) (\d+)/.exec(setting) ?? [];
  const limits = [Number(hard), Number(seconds) <= PAUSE_SECONDS ? Number(soft) : 0].filter((bytes) => bytes > 0);
  const hardBytes = limits.length === 0 ? 0 : Math.max(Math.min(...limits), backlogBytes);
  return { hardBytes, text: `replica ${hard} ${soft} ${seconds}` };
}
