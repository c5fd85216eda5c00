import { signOf } from './log-signatures.ts';
import type { Observations } from './observations.ts';

/** Until when Redis took writes that may be lost. */
export interface LastWrites {
  atMs: number;
  /** How that is known, as a clause. Absent: it may take writes now, or nothing tells when it ended. */
  by?: string;
  /** Only that it lived then is known: it may have taken writes later, until it ended. */
  isSign?: true;
}

interface Seen {
  at: string;
  by: string;
}

/** Between the last write and the file that has it, and between two clocks. */
const NEARLY_MS = 2_000;

/**
 * A Redis that is gone takes no more writes, however late it is looked at: what it lost does not grow. Its end is what tells, or
 * files that have each of its writes within a second; else the last sign of it is no more than that.
 * @param startedAt - of one that lives and had lost its data when it started: what it took since is not lost
 */
export function lastWrites(seen: Observations, startedAt?: string): LastWrites {
  const start = startedAt ?? startOfLoading(seen);
  if (start !== undefined) return known({ at: start, by: `Redis was started at ${start}` });
  if (!isDown(seen)) return { atMs: seen.nowMs };
  const signs = signsOf(seen).sort((a, b) => msOf(b) - msOf(a));
  const [last] = signs;
  const end = endsOf(seen)
    .sort((a, b) => msOf(a) - msOf(b))
    .find((one) => !last || msOf(one) >= msOf(last) - NEARLY_MS);
  if (end) return known(end);
  return last ? { ...known(last), isSign: true } : { atMs: seen.nowMs };
}

const msOf = ({ at }: Seen): number => Date.parse(at);
const known = (one: Seen): LastWrites => ({ atMs: msOf(one), by: one.by });

function isDown({ worker, platform }: Observations): boolean {
  if (!platform || worker.facts || platform.local?.facts) return false;
  return platform.server.running === false || platform.server.crashLoop;
}

/** When the Redis that answers was started. */
export function startedAtOf({ worker, platform, nowMs }: Observations): string | undefined {
  const uptime = (worker.facts ?? platform?.local?.facts)?.uptimeSeconds;
  return uptime === undefined ? undefined : (platform?.server.since ?? new Date(nowMs - uptime * 1000).toISOString());
}

const startOfLoading = (seen: Observations): string | undefined =>
  (seen.worker.facts ?? seen.platform?.local?.facts)?.loading ? startedAtOf(seen) : undefined;

/** When it can have taken none any more. That of a start that failed is no end of one that took writes. */
function endsOf({ platform }: Observations): Seen[] {
  const { end, run, files, data } = platform ?? {};
  const tookWrites = run === undefined || run.ready;
  const logged = signOf(run, 'orderly-end') === undefined ? undefined : files?.loggedAt;
  const written = data?.appendonly ? data.aof?.writtenAt : undefined;
  return [
    ...(end?.at !== undefined && tookWrites ? [{ at: end.at, by: `Redis ended at ${end.at}` }] : []),
    ...(logged !== undefined && tookWrites ? [{ at: logged, by: `Redis ended in order, as its log says at ${logged}` }] : []),
    ...(written === undefined ? [] : [{ at: written, by: `its append-only files were written last at ${written}` }]),
  ];
}

function signsOf({ platform, stored }: Observations): Seen[] {
  const { run, files, data } = platform ?? {};
  const logged = run?.ready ? files?.loggedAt : undefined;
  const signs: [string | undefined, string][] = [
    [data?.rdb?.modifiedAt, 'its RDB was saved at'],
    [data?.aof?.writtenAt, 'its append-only files were written at'],
    [logged, 'its log was written at'],
    [stored.log?.storedUpTo, 'the continuous log is stored up to'],
    [stored.backup?.times.takenAt, 'the newest backup was taken at'],
  ];
  return signs.flatMap(([at, by]) => (at === undefined ? [] : [{ at, by: `${by} ${at}` }]));
}
