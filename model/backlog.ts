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
