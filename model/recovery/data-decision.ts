import { aliveAfter, TTL_BOUNDS_SECONDS } from '../backup/census.ts';
import type { Bounds } from '../backup/expiry-timeline.ts';
import { classInWords, FUNCTIONS, OTHER } from '../data-class.ts';
import { formatBounds, formatCount, formatCountOf, formatList, formatTime } from '../format.ts';
import type { DataFacts, PresentKeys } from './data-facts.ts';
import { offersOf } from './offers.ts';
import type { DataDecision, RestoreOffer } from './recovery.ts';

type Verdict = DataDecision['verdict'];

/** Of one class: what of the backup would be alive now, and what of that is there. */
interface Comparison {
  name: string;
  verdict: Verdict;
  /** Why nothing can be told. */
  why?: string;
  expected?: Bounds;
  lost?: Bounds;
}

/** So many of the last written sessions that are all there speak for the others. */
const ENOUGH_RECENT = 20;
/** So few may have been signed out within the last second, before the log had it. */
const FEW_RECENT = 2;

/**
 * Compares what should be there with what is there, and says what follows. The backup is the measure: what came behind it is
 * known only as far as the log was looked at, and the text says so.
 */
export function decideOnData(facts: DataFacts): Omit<DataDecision, 'digest'> {
  const { settings, present, sampled } = facts;
  const { sessionClass } = settings;
  const sessions = sessionClass === undefined ? undefined : withRecent(facts, compare(facts, sessionClass, true));
  const others = settings.restoreClasses.filter((name) => name !== sessionClass).map((name) => compare(facts, name, false));
  others.push(...compareFunctions(facts));
  const compared = [...(sessions ? [sessions] : []), ...others];
  const verdict = facts.unloaded ? 'lost' : verdictOf(compared);
  const [offer, nextBest] = offersOf(facts);
  return {
    verdict,
    text: textOf(facts, sessions, others, leftOut(facts)),
    ...(sessions?.expected ? { expected: sessions.expected } : {}),
    present: present.find(({ name }) => name === sessionClass)?.keys ?? 0,
    sampled,
    ...(sessions?.lost ? { lost: sessions.lost } : {}),
    ...(offer ? { offer } : {}),
    ...(nextBest ? { nextBest } : {}),
    ...(facts.unloaded ? { unloaded: facts.unloaded } : {}),
    decision: decisionOf(facts, verdict, offer),
  };
}

/** Whether a count that is known only as bounds leads to one verdict, whatever the truth between them is. */
export function isConclusive(facts: DataFacts): boolean {
  const at = (pick: (keys: PresentKeys) => number): DataFacts => ({
    ...facts,
    present: facts.present.map((one) => ({ ...one, keys: pick(one), atLeast: pick(one), atMost: pick(one) })),
  });
  const [low, high] = [decideOnData(at(({ atLeast }) => atLeast)), decideOnData(at(({ atMost }) => atMost))];
  return low.verdict === high.verdict;
}

/** What a person approves: nothing else is brought back. */
export const offerDigestSource = (instance: string, { classes, backupId, until, asOf }: RestoreOffer): string =>
  JSON.stringify([instance, [...classes].sort(), backupId ?? '', until ?? '', asOf]);

/** How many keys may be missing, of a number that is known as bounds. */
export function missingOf(expected: Bounds, present: number): Bounds {
  return { atLeast: Math.max(0, expected.atLeast - present), atMost: Math.max(0, expected.atMost - present) };
}

/** How many libraries of the backup Redis lacks: it is a loss of all that calls them. */
function compareFunctions({ base, functionsNow }: DataFacts): Comparison[] {
  if (!base || typeof functionsNow !== 'number') return [];
  const expected = { atLeast: base.rdb.functions, atMost: base.rdb.functions };
  const lost = missingOf(expected, functionsNow);
  return lost.atLeast > 0 ? [{ name: FUNCTIONS, verdict: 'lost', expected, lost }] : [];
}

/** What is not to be brought back is missed all the same, where nobody has said that it comes back by itself. */
function leftOut(facts: DataFacts): Comparison[] {
  const { sessionClass, restoreClasses } = facts.settings;
  const missed = facts.classes.filter(({ recreatable }) => !recreatable).map(({ name }) => name);
  const names = [...missed, OTHER].filter((name) => name !== sessionClass && !restoreClasses.includes(name));
  return names.map((name) => compare(facts, name, false)).filter(({ verdict }) => verdict === 'lost');
}

function compare(facts: DataFacts, name: string, isSessions: boolean): Comparison {
  const { base, settings, nowMs } = facts;
  if (!base) return { name, verdict: 'unknown', why: 'there is no backup of before the failure' };
  const counted = base.census.classes.find((one) => one.name === name);
  if (!counted) return { name, verdict: 'unknown', why: `the backup was counted before there was a class ${name}` };
  if (!base.rdb.parsed) return { name, verdict: 'unknown', why: 'not every key of the backup could be counted' };
  if (isSessions && counted.keys === 0 && base.rdb.keys > 0)
    return { name, verdict: 'unknown', why: `the pattern of ${name} matches none of the keys of the backup` };
  const bounds = base.ttlBoundsSeconds.length > 0 ? base.ttlBoundsSeconds : TTL_BOUNDS_SECONDS;
  const expected = aliveAfter(counted, (nowMs - base.census.takenAtMs) / 1000, bounds);
  if (isSessions && counted.keys > 0 && expected.atMost === 0)
    return { name, verdict: 'unknown', why: `all ${name} of the backup would have expired by now` };
  const lost = missingOf(expected, facts.present.find((one) => one.name === name)?.keys ?? 0);
  return { name, verdict: verdictOn(expected, lost, settings.tolerance), expected, lost };
}

function verdictOn(expected: Bounds, lost: Bounds, tolerance: number): Verdict {
  if (lost.atMost <= tolerance * expected.atMost) return 'within-tolerance';
  return lost.atLeast > tolerance * expected.atLeast ? 'lost' : 'unknown';
}

/** The last sessions of the log know what no backup can: whether the newest are there. */
function withRecent({ recent, settings }: DataFacts, found: Comparison): Comparison {
  if (!recent || recent.looked === 0) return found;
  if (recent.missing > Math.max(FEW_RECENT, settings.tolerance * recent.looked)) {
    const { atLeast, atMost } = found.lost ?? { atLeast: 0, atMost: 0 };
    const most = Math.max(recent.missing, Math.ceil((recent.missing / recent.looked) * recent.writtenAtMost));
    const lost = { atLeast: Math.max(atLeast, recent.missing), atMost: atMost + most };
    return { ...found, verdict: 'lost', lost };
  }
  const speaksForAll = found.verdict === 'unknown' && recent.looked >= ENOUGH_RECENT;
  return speaksForAll ? { ...found, verdict: 'within-tolerance' } : found;
}

function verdictOf(compared: readonly Comparison[]): Verdict {
  if (compared.some(({ verdict }) => verdict === 'lost')) return 'lost';
  return compared.length > 0 && compared.every(({ verdict }) => verdict === 'within-tolerance') ? 'within-tolerance' : 'unknown';
}

function decisionOf(
  { settings, log, replaced }: DataFacts,
  verdict: Verdict,
  offer: RestoreOffer | undefined,
): DataDecision['decision'] {
  if (verdict === 'within-tolerance' || settings.restore === 'never' || !offer) return 'go-on';
  return settings.restore === 'auto' && !replaced && log?.complete && offer.until !== undefined ? 'restore' : 'ask';
}

function textOf(
  facts: DataFacts,
  sessions: Comparison | undefined,
  others: readonly Comparison[],
  unwanted: readonly Comparison[],
): string {
  const lost = others.filter(({ verdict }) => verdict === 'lost');
  const lostOf = (one: Comparison) => `${classInWords(one.name)}: ${formatBounds(one.lost ?? { atLeast: 0, atMost: 0 })} lost`;
  const also = [...lost.map(lostOf), ...unwanted.map((one) => `${lostOf(one)}, which restoreClasses leaves out`)];
  const main = sessions ? textOfSessions(facts, sessions) : `No class of sessions is configured${why(others)}`;
  const noLog = facts.logProblem === undefined ? [] : [`the continuous log is of no use: ${facts.logProblem}`];
  const older = facts.unloaded
    ? [`at least ${formatCountOf(facts.unloaded.atLeast, 'write')} of the log are not in what Redis has loaded`]
    : [];
  return `${[main, ...also, ...older, ...unaskedFunctions(facts), ...noLog].join('; ')}.${replacedText(facts)}`;
}

const unaskedFunctions = ({ functionsNow }: DataFacts): string[] =>
  typeof functionsNow === 'object'
    ? [`whether the function libraries of the backup are there cannot be told: ${functionsNow.unknown}`]
    : [];

/** Whoever has restored may not want back what that has taken away. */
const replacedText = ({ replaced }: DataFacts): string =>
  replaced
    ? ` A restore began at ${formatTime(replaced.atMs, 'seconds')} (safety snapshot ${replaced.backupId}), and nothing was backed up since: all of this is of what stood there before it.`
    : '';

const why = (others: readonly Comparison[]): string => {
  const unknown = others.filter(({ verdict }) => verdict === 'unknown');
  if (unknown.length === 0) return '';
  const reasons = [...new Set(unknown.map((one) => one.why ?? 'the backup is too old to tell'))];
  return `, and ${formatList(unknown.map(({ name }) => name))} cannot be told: ${formatList(reasons)}`;
};

function textOfSessions(facts: DataFacts, { name, verdict, why, expected, lost }: Comparison): string {
  const { base, recent, sampled } = facts;
  const present = facts.present.find((one) => one.name === name)?.keys ?? 0;
  const there = `${sampled ? 'about ' : ''}${formatCount(present)} ${name} present`;
  const looked =
    recent && recent.looked > 0
      ? `; of the ${formatCount(recent.looked)} last in the log ${formatCount(recent.missing)} are missing`
      : '';
  if (!expected || !base) {
    if (verdict === 'lost') return `${there}, ${formatBounds(lost ?? { atLeast: 0, atMost: 0 })} lost${looked}`;
    const so = verdict === 'within-tolerance' ? 'nothing seems lost' : `how many are lost cannot be told: ${why}`;
    return `${there}, ${so}${looked}`;
  }
  const of = `${formatBounds(expected)} expected from the backup of ${formatTime(Date.parse(base.times.takenAt))}`;
  const newer = recent ? '' : '; what came after it is not counted';
  if (verdict === 'within-tolerance') return `${there}, ${of}${looked}${newer}`;
  const loss = lost ? `${formatBounds(lost)} lost` : 'loss unknown';
  const doubt = verdict === 'unknown' ? ' (the backup is too old to tell more exactly)' : '';
  return `${there}, ${of}: ${loss}${doubt}${looked}${newer}`;
}
