import { formatCount, formatCountOf, formatDuration } from '../format.ts';
import type { RedisFacts } from '../redis-look.ts';
import { startsEmpty } from './end-evidence.ts';
import { type FailureClass, keepsData } from './failure-classes.ts';
import { cutText } from './log-damage.ts';
import { endedDrained } from './log-signatures.ts';
import { newerIgnored } from './newer-ignored.ts';
import type { Signs } from './observations.ts';
import type { Assessment } from './recovery.ts';

/** A lone PING to replicas is the last of the stream for seconds, and holds nothing: it is not stored before more comes. */
const PING_BYTES = 14;

/**
 * The log as it stands, with a verdict that errs on the side of "not complete": a Redis that was killed may have acknowledged
 * writes that no replica had got, so only an end in order with all replicas in step, or a living Redis that has nothing newer
 * than what is stored, proves that nothing is missing.
 */
export function logState(signs: Signs, since: string | undefined): Assessment['log'] {
  const { log } = signs.stored;
  if (!log) return undefined;
  const { timelineId, storedUpTo } = log;
  const proof = proofOfWhole(signs);
  const failedMs = since === undefined ? signs.nowMs : Date.parse(since);
  const lagSeconds = proof.complete ? 0 : Math.max(0, Math.round((failedMs - Date.parse(storedUpTo)) / 1000));
  return { timelineId, storedUpTo, lagSeconds, ...proof };
}

function proofOfWhole(signs: Signs): { complete: boolean; why: string } {
  const { log } = signs.stored;
  const facts = factsOf(signs);
  if (!log) return { complete: false, why: 'there is no log' };
  if (facts && facts.replid === log.replid && facts.role === 'master') {
    const open = facts.replOffset - log.end;
    if (open <= PING_BYTES)
      return { complete: true, why: `Redis is at offset ${facts.replOffset}, and the log is stored up to ${log.end}` };
    return { complete: false, why: `${open} bytes of Redis' stream are not stored yet` };
  }
  const { run, earlierRun, server } = signs.place ?? {};
  const last = server?.running === true && run?.ready ? earlierRun : run;
  if (endedDrained(last)) return { complete: true, why: 'Redis ended in order, with every replica and the archiver in step' };
  return { complete: false, why: 'how far Redis was when it failed cannot be told, and its last writes may not have been sent' };
}

const factsOf = ({ worker, place }: Signs): RedisFacts | undefined => worker.facts ?? place?.local?.facts;

/** The worst case as one sentence with a number. */
export function worstLossOf(failure: FailureClass, signs: Signs, log: Assessment['log']): string {
  const { settings } = signs;
  if (failure === 'empty' || failure === 'rdb-ignored') return `Already lost in Redis: ${fromStored(signs, log)}`;
  if (failure === 'silent')
    return 'If it is restarted: what it has not written to its disk, at most 1 s of writes with appendfsync everysec.';
  if (keepsData(failure)) return keptLoss(failure, signs, log);
  const data = signs.place?.data;
  const loads = ['dead', 'oom-killed', 'cannot-start'].includes(failure) ? loadedText(signs) : undefined;
  if (loads !== undefined) return loads;
  const damage = failure === 'aof-damaged' ? data?.aof?.damage : undefined;
  const isServed = damage?.where === 'end' || (settings.onDamage === 'ask' && (damage?.usableBytes ?? 0) > 0);
  if (damage && damage.unmendable === undefined && isServed) return `Of its log ${cutText(damage)}.`;
  const newer = data && failure === 'newer-ignored' ? newerIgnored(data) : undefined;
  if (newer)
    return `Out of service, and not lost: what was written up to ${newer.writtenAt} and is only in the files that a start does not load.`;
  if (failure === 'data-aside') return 'Nothing that was on its disk when that was moved away, once it is put back.';
  if (failure === 'aof-manifest-lost')
    return `About 1 s of writes, if its append-only files are whole; else ${fromStored(signs, log)}`;
  return fromStored(signs, log);
}

/** Of a class that takes no data away. What only Redis could say is unknown while it says nothing. */
function keptLoss(failure: FailureClass, signs: Signs, log: Assessment['log']): string {
  const facts = failure === 'wrong-endpoint' ? signs.place?.local?.facts : factsOf(signs); // else those of another Redis
  const { running, crashLoop } = signs.place?.server ?? {};
  const atWorst = `If Redis lost its data now: ${fromStored(signs, log)}`;
  if (facts && !facts.loading) {
    const has = `Nothing is lost that is known of: Redis has ${formatCountOf(facts.keys, 'key')}.`;
    return failure === 'healthy' ? has : `${has} ${atWorst}`;
  }
  if (running !== false && !crashLoop && !facts)
    return `Unknown: Redis could not be asked, and nothing says that it has lost any. ${atWorst}`;
  const loads = loadedText(signs);
  return loads === undefined
    ? `Unknown, as long as Redis cannot be asked. ${atWorst}`
    : `Once it ${facts ? 'has loaded' : 'starts'}: ${loads.slice(0, 1).toLowerCase()}${loads.slice(1)}`;
}

/** What a start loads, and what that lacks; `undefined` where that is not known. */
function loadedText({ place, nowMs }: Signs): string | undefined {
  const data = place?.data;
  if (!data || startsEmpty(data)) return undefined;
  if (data.appendonly) return 'About 1 s of writes (appendfsync everysec); its append-only log has the rest.';
  if (!data.rdb) return undefined;
  const age = formatDuration(nowMs - Date.parse(data.rdb.modifiedAt));
  return `All writes of the last ${age}: it loads its RDB, saved at ${data.rdb.modifiedAt}.`;
}

/** What the repository could not bring back. */
function fromStored({ stored, nowMs }: Signs, log: Assessment['log']): string {
  const { backup } = stored;
  if (log?.complete) return 'nothing that Redis had acknowledged: the continuous log has all of it (0 s).';
  if (log && !(backup && backup.times.takenAt > log.storedUpTo))
    return `the last ${formatDuration(log.lagSeconds * 1000)} of writes at least: the continuous log is stored up to ${log.storedUpTo}.`;
  if (backup) {
    const age = formatDuration(nowMs - Date.parse(backup.times.takenAt));
    return `all writes of the last ${age}: the newest backup, ${formatCount(backup.rdb.keys)} keys, is that old.`;
  }
  if (backup === null) return 'everything, 100 %: there is no backup.';
  return `how much cannot be told (up to 100 %): ${stored.unknown.join('; ') || 'the repository was not asked'}.`;
}
