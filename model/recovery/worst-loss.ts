import { formatCount, formatCountOf, formatDuration } from '../format.ts';
import type { RedisFacts } from '../health-report.ts';
import { type LastWrites, lastWrites, startedAtOf } from './last-writes.ts';
import { endedDrained, type LogRun, replicasInStep } from './log-signatures.ts';
import { startsEmpty } from './next-load.ts';
import type { ArchiveObservations, Observations } from './observations.ts';
import { olderThanReplicas } from './older-start.ts';

/** A lone PING to replicas is the last of the stream for seconds, and holds nothing: it is not stored before more comes. */
const PING_BYTES = 14;

/** The continuous log at a failure. */
export interface LogState {
  timelineId: string;
  storedUpTo: string;
  /** Of what was written when it failed, or as far as is known. At least. */
  lagSeconds: number;
  /** It holds all that Redis acknowledged up to the failure. */
  complete: boolean;
  /** How that is known, or why not. */
  why?: string;
}

/**
 * The log as it stands, with a verdict that errs on the side of "not complete": a Redis that was killed may have acknowledged
 * writes that no replica had got, so only an end in order with all replicas and the archiver in step, or a living Redis that has nothing newer
 * than what is stored, proves that nothing is missing.
 */
export function logState(seen: Observations, since: string | undefined): LogState | undefined {
  const { log } = seen.stored;
  if (!log) return undefined;
  const { timelineId, storedUpTo } = log;
  const proof = proofOfWhole(seen);
  const last = lastWrites(seen);
  const failedMs = last.by === undefined && since !== undefined ? Date.parse(since) : last.atMs;
  const lagSeconds = proof.complete ? 0 : Math.max(0, Math.round((failedMs - Date.parse(storedUpTo)) / 1000));
  return { timelineId, storedUpTo, lagSeconds, ...proof };
}

function proofOfWhole(seen: Observations): { complete: boolean; why: string } {
  const { log } = seen.stored;
  const facts = heardFacts(seen);
  if (!log) return { complete: false, why: 'there is no log' };
  if (facts && facts.replid === log.replid && facts.role === 'master') {
    const open = facts.replOffset - log.end;
    if (open <= PING_BYTES)
      return { complete: true, why: `Redis is at offset ${facts.replOffset}, and the log is stored up to ${log.end}` };
    return { complete: false, why: `${open} bytes of Redis' stream are not stored yet` };
  }
  const { run, earlierRun, server } = seen.platform ?? {};
  const last = server?.running === true && run?.ready ? earlierRun : run;
  if (endedDrained(last))
    return archiverWasInStep(seen, log, last)
      ? { complete: true, why: 'Redis ended in order, with every replica and the archiver in step' }
      : { complete: false, why: 'Redis ended in order, and that the archiver was among the replicas in step cannot be told' };
  return { complete: false, why: 'how far Redis was when it failed cannot be told, and its last writes may not have been sent' };
}

/** More were in step than there are replicas, and none of those is further than the log. */
function archiverWasInStep(seen: Observations, log: ArchiveObservations, ended: LogRun | undefined): boolean {
  const { replicas, notReplicas, stored, settings } = seen;
  const addresses = [...replicas, ...notReplicas].map(({ address }) => address);
  const known = new Set([...addresses, ...stored.replicas, ...settings.replicas]);
  const isBeyondLog = replicas.some(
    ({ look: { facts } }) => facts?.replid === log.replid && facts.replOffset - log.end > PING_BYTES,
  );
  return replicasInStep(ended) > known.size && !isBeyondLog;
}

/** What Redis says of itself. */
export const heardFacts = ({ worker, platform }: Observations): RedisFacts | undefined => worker.facts ?? platform?.local?.facts;

/** Of a Redis that serves and had more. */
export const alreadyLost = (seen: Observations, log: LogState | undefined): string =>
  `Already lost in Redis: ${fromStored(seen, log, startedAtOf(seen))}`;

/** Of one that is down and loads what it has. */
export const lossOfItsStart = (seen: Observations, log: LogState | undefined): string =>
  loadedText(seen) ?? fromStored(seen, log);

/** Of a class that takes no data away. */
export const lossOfKept = (seen: Observations, log: LogState | undefined): string => keptLoss(seen, log, heardFacts(seen));

/**
 * What only Redis could say is unknown while it says nothing.
 * @param facts - what it says of itself, if it was this Redis that answered
 */
export function keptLoss(seen: Observations, log: LogState | undefined, facts: RedisFacts | undefined): string {
  const { running, crashLoop } = seen.platform?.server ?? {};
  const atWorst = `If Redis lost its data now: ${fromStored(seen, log)}`;
  if (facts && !facts.loading) return `${nothingLost(facts)} ${atWorst}`;
  if (running !== false && !crashLoop && !facts)
    return `Unknown: Redis could not be asked, and nothing says that it has lost any. ${atWorst}`;
  const loads = loadedText(seen);
  return loads === undefined
    ? `Unknown, as long as Redis cannot be asked. ${atWorst}`
    : `Once it ${facts ? 'has loaded' : 'starts'}: ${loads.slice(0, 1).toLowerCase()}${loads.slice(1)}`;
}

/** Of one that is there and answers nobody, if it is restarted: what it has in memory only is lost when it heeds no signal. */
export function lossOfKill(seen: Observations): string {
  const { data } = seen.platform ?? {};
  if (!data) return 'If it is restarted: what it has not written to its disk; how much that is nobody could look at.';
  const kept = loadedText(seen) ?? 'Everything: there is nothing on its disk that it would load.';
  return `If it is restarted and ends without a save: ${kept.slice(0, 1).toLowerCase()}${kept.slice(1)}`;
}

export const nothingLost = ({ keys }: RedisFacts): string =>
  `Nothing is lost that is known of: Redis has ${formatCountOf(keys, 'key')}.`;

/** What a start loads, and what that lacks; `undefined` where that is not known. */
function loadedText(seen: Observations): string | undefined {
  const { platform } = seen;
  const data = platform?.data;
  if (!data || startsEmpty(data)) return undefined;
  if (data.appendonly) return 'About 1 s of writes (appendfsync everysec); its append-only log has the rest.';
  if (!data.rdb) return undefined;
  const [fullest] = olderThanReplicas(seen)?.ahead ?? [];
  const ahead = fullest ? ` Replica ${fullest.address} is further, and has ${formatCountOf(fullest.keys, 'key')}.` : '';
  const { modifiedAt } = data.rdb;
  return `All writes ${spanText(modifiedAt, lastWrites(seen))}: it loads its RDB, saved at ${modifiedAt}.${ahead}`;
}

/** Between a moment and the last write that can have been: counted to the end of a Redis that is gone, and not to now. */
function spanText(from: string, { atMs, by, isSign }: LastWrites): string {
  if (isSign) return `since ${from}${untilUnknown(from, by)}`;
  const span = formatDuration(Math.max(0, atMs - Date.parse(from)));
  return by === undefined ? `of the last ${span}` : `of ${span}, until ${by}`;
}

/**
 * What the repository could not bring back.
 * @param startedAt - of a Redis that lives and had lost its data when it started
 */
export function fromStored(seen: Observations, log: LogState | undefined, startedAt?: string): string {
  const { stored } = seen;
  const { backup } = stored;
  const last = lastWrites(seen, startedAt);
  if (log?.complete) return 'nothing that Redis had acknowledged: the continuous log has all of it (0 s).';
  if (log && !(backup && backup.times.takenAt > log.storedUpTo)) return logText(log, last);
  if (backup) {
    const { takenAt } = backup.times;
    return `all writes ${spanText(takenAt, last)}: the newest backup, ${formatCount(backup.rdb.keys)} keys, is of ${takenAt}.`;
  }
  if (backup === null) return 'everything, 100 %: there is no backup.';
  return `how much cannot be told (up to 100 %): ${stored.unknown.join('; ') || 'the repository was not asked'}.`;
}

function logText({ storedUpTo, lagSeconds }: LogState, { by, isSign }: LastWrites): string {
  const stored = `the continuous log is stored up to ${storedUpTo}`;
  if (isSign) return `what was written after that, if anything was: ${stored}${untilUnknown(storedUpTo, by)}.`;
  const until = by === undefined ? '' : `, and ${by}`;
  return `the last ${formatDuration(lagSeconds * 1000)} of writes at least: ${stored}${until}.`;
}

const untilUnknown = (from: string, by = ''): string =>
  `; when Redis ended is not known${by.endsWith(from) ? '' : ` (the last sign of it: ${by})`}`;
