import { formatBytes } from '../format.ts';
import type { HealthReport } from '../health-report.ts';
import { damageText } from './log-damage.ts';
import { type FatalId, fatalSign, type LogRun, signOf } from './log-signatures.ts';
import { ignoresRdb, startsEmpty } from './next-load.ts';
import type { DataObservations, Observations, PlatformObservations } from './observations.ts';
import type { Situation } from './situation.ts';

/** What speaks for a class, the strongest first. What is not there to be said is left out. */
export type Evidence = readonly (string | undefined | false)[];

/** What Redis logged. */
export const logged = (line: string | undefined): string | undefined =>
  line === undefined ? undefined : `Its log says: ${line}`;

export const lastWords = (run: LogRun | undefined): string | undefined => logged(run?.signs[0]?.line);

/** What Redis answered, or why it did not. */
export const said = ({ address, detail }: HealthReport): string => `Redis at ${address}: ${detail.replace(/\.$/, '')}.`;

/** What a Redis answered that gave one of these answers; undefined where none did. */
export const answered = (situation: Situation, ...verdicts: HealthReport['verdict'][]): HealthReport | undefined =>
  situation.kind === 'answers' && verdicts.includes(situation.answer.verdict) ? situation.answer : undefined;

export const gone = ({ server, description }: PlatformObservations): string =>
  server.crashLoop ? `${description} ends again and again.` : `No process of ${description} is there.`;

export const processIsThere = ({ server: { name = 'A process' }, description }: PlatformObservations): string =>
  `${name.slice(0, 1).toUpperCase()}${name.slice(1)} of ${description} is there.`;

export const nobodyIsAnswered = ({ worker }: Observations, { local }: PlatformObservations): string =>
  `Neither this worker (${worker.detail}) nor its own machine (${local?.detail ?? 'not asked'}) gets an answer.`;

export const workerMissed = ({ worker }: Observations): string =>
  `This worker got no answer from ${worker.address}: ${worker.detail}.`;

/** The worker can't reach it, its own machine can. */
export const onlyItsMachineHears = ({ worker }: Observations): string =>
  `This worker got no answer from ${worker.address} (${worker.detail}); on its own machine Redis answers.`;

export const NOBODY_LOOKED = 'Nobody could look at its process.';

export const seenAtWork = ({ applications }: Observations): string[] =>
  applications.filter(({ verdict }) => verdict === 'connected').map(({ name, detail }) => `Application ${name}: ${detail}.`);

/** Those that ask Redis by themselves, and miss it as this worker does. */
const missedToo = ({ applications }: Observations): string[] =>
  applications
    .filter(({ kind, verdict }) => kind !== 'clients' && verdict === 'missing')
    .map(({ name, detail }) => `Application ${name}: ${detail}.`);

/**
 * Of a start that ended of one of these lines; undefined if none did.
 * @param more - stands right behind the line
 */
export function failedStart(situation: Situation, ids: readonly FatalId[], more: Evidence = []): Evidence | undefined {
  if (situation.kind !== 'start-failed' || !ids.includes(situation.fatal.id)) return undefined;
  const { platform, fatal } = situation;
  const { run, server, earlierRun } = platform;
  const others = run?.signs.filter(({ id }) => id !== fatal.id).slice(0, 2) ?? [];
  const isSecond = server.crashLoop && signOf(earlierRun, 'aof-not-last') !== undefined;
  return [
    logged(fatal.line),
    gone(platform),
    ...more,
    isSecond && 'An earlier start has already cut a file of its log: what it loads now has a hole.',
    ...others.map(({ line }) => logged(line)),
    howItEnded(platform),
  ];
}

/** An advice with the place in its configuration, where Redis has logged one. */
export function withPlace(situation: Situation, advice: string): string {
  if (situation.kind !== 'start-failed') return advice;
  const where = (['config-at', 'config-line'] as const).flatMap((id) => signOf(situation.platform.run, id)?.line ?? []);
  return where.length > 0 ? `${advice.replace(/\.$/, '')} (${where.join(': ')}).` : advice;
}

export function howItEnded({ end, run }: PlatformObservations): string | undefined {
  const crash = signOf(run, 'crash');
  if (crash) return `It crashed: ${crash.line}`;
  const at = end?.at ? ` at ${end.at}` : '';
  if (signOf(run, 'orderly-end')) return `It was ended in order${at}, by SIGTERM or SHUTDOWN: somebody or something stopped it.`;
  if (end?.signal) return `It was ended by ${end.signal}${at}.`;
  if (end?.code !== undefined) return `It ended with exit code ${end.code}${at}.`;
  if (!run || fatalSign(run)) return undefined; // what it ended for stands in its log
  return run.ready
    ? 'Its log ends without a word: it was killed (SIGKILL), or the machine went down.'
    : 'Its log ends while it was starting, and does not say why: it ended by itself, or was killed.';
}

export const memoryDoubt = ({ end }: PlatformObservations): string | undefined =>
  end?.oom === 'possible' ? `The kernel may have killed it for memory: ${end.oomWhy}.` : undefined;

/** A start of its own redis.conf beside it has failed. It is started all the same: the worker may see less than Redis does. */
export function unstartableText({ server, nextStart }: PlatformObservations): string | undefined {
  if (server.running !== false || nextStart?.outcome !== 'fails') return undefined;
  return `Its own redis.conf, started beside it, is refused by Redis: ${nextStart.lastLines}`;
}

export function whatItWillLoad(data: DataObservations | undefined): Evidence {
  if (!data) return [];
  if (startsEmpty(data))
    return [
      ignoresRdb(data)
        ? 'It would come up empty: it runs with appendonly yes and has only a dump.rdb.'
        : 'It would come up empty: it has no data files.',
    ];
  const aof = data.appendonly ? data.aof : undefined;
  const cut = aof?.damage && `${damageText(aof.damage)} Redis cuts that off as it starts.`;
  const isUnread = aof ? (aof.unread ?? aof.baseUnread) : data.rdb?.unread;
  return [
    cut,
    isUnread && 'It is too large to be read before: whether it is whole shows as Redis loads it.',
    aof
      ? `It will load its append-only log, ${formatBytes(aof.bytes)}.`
      : data.rdb && `It will load ${formatBytes(data.rdb.bytes)} of RDB, saved at ${data.rdb.modifiedAt}.`,
  ];
}

/** Without its machine: this worker misses it so, and an application does, too. */
export function missedByAll(situation: Situation, verdict: 'refused' | 'silent'): Evidence | undefined {
  if (situation.kind !== 'unseen') return undefined;
  const { seen } = situation;
  const missing = missedToo(seen);
  if (seen.worker.verdict !== verdict || missing.length === 0 || seenAtWork(seen).length > 0) return undefined;
  return [workerMissed(seen), ...missing, NOBODY_LOOKED];
}
