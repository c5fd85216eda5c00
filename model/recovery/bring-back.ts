import { classInWords } from '../data-class.ts';
import { formatBytes, formatCount, formatCountOf, formatList, formatTime } from '../format.ts';
import type { MergePlan } from '../merge/merge.ts';
import type { UnloadedWrites } from './data-facts.ts';
import { offerCommand } from './offers.ts';
import type { DataDecision, RestoreOffer } from './recovery.ts';
import { withoutStop } from './text.ts';

/** What a rehearsal found: how many keys would come back. Undefined without one. */
export const comesBack = (plan: MergePlan | undefined): number | undefined =>
  plan?.rehearsal?.classes.reduce((sum, { alive, there }) => sum + alive - there, 0);

/** What a person is asked before keys come back: first for room, where there is none. */
export function bringBackQuestion({ text, offer }: DataDecision, plan: MergePlan | undefined, uncounted?: string): string {
  const { classes, asOf, revivesSignedOut } = offer as RestoreOffer;
  const refusal = plan?.refusals.find(({ code }) => code !== 'RESTORE_LOSS');
  const room = refusal ? ` First make room: ${withoutStop(refusal.next)}. Then` : '';
  const revives = revivesSignedOut ? ' Sessions that were signed out since then come back, too.' : '';
  const ask = `ring ${formatList(classes.map(classInWords))} back as of ${asOf.slice(0, 19)}Z?`;
  return `${withoutStop(text)}.${room}${room ? ' b' : ' B'}${ask} ${promiseOf(plan, uncounted)} Keys that are there stay.${revives}`;
}

function promiseOf(plan: MergePlan | undefined, uncounted = 'no copy was loaded'): string {
  const { rehearsal } = plan ?? {};
  if (!rehearsal) return `How many would come back is not known: ${withoutStop(uncounted)}.`;
  const counts = rehearsal.classes.map(({ name, alive, there }) => `${formatCount(alive - there)} ${classInWords(name)}`);
  const loss = plan?.loss ? ' Less than half of what the backup had: the log has taken the others away.' : '';
  return `${formatList(counts)} would come back (counted in a copy), ${formatBytes(rehearsal.needs.memoryBytes)} of memory.${loss}`;
}

/** Why nothing is asked: the newest that is known has nothing that Redis lacks. */
export const nothingToBring = (offer: RestoreOffer): string =>
  `as of ${offer.asOf.slice(0, 19)}Z there is nothing that Redis lacks: it was deleted or had expired by then`;

/**
 * What stands against what was expected, where that is less than a person may take for all: with the command for what else there
 * is. @param standing - sessions that stand at the end
 */
export function stillMissing(instance: string, decision: DataDecision, standing: number, tolerance: number): string[] {
  const { verdict, expected, offer, nextBest } = decision;
  if (verdict !== 'lost' || !offer || !expected || standing >= expected.atLeast * (1 - tolerance)) return [];
  const other = nextBest
    ? ` The next best that is known, as of ${nextBest.asOf.slice(0, 19)}Z, is brought back by \`${offerCommand(instance, nextBest)}\``
    : ` Look at \`redis-backup list ${instance}\` and \`redis-backup find-destructive ${instance}\` for an earlier moment`;
  return [
    `${formatCount(standing)} sessions stand, and at least ${formatCount(expected.atLeast)} were expected: as of ${offer.asOf.slice(0, 19)}Z the others were deleted or had expired.${other}`,
  ];
}

/** Lost keys that nobody has brought back, with the command that does. */
export const notBroughtBack = (instance: string, { text }: DataDecision, offer: RestoreOffer, why: string): string =>
  `Lost keys were not brought back (${why}): ${withoutStop(text)}. To bring them back: \`${offerCommand(instance, offer)}\``;

/** Numbers of keys say nothing of values: what was changed or deleted meanwhile is as it was before, and no merge mends that. */
export const olderThanLog = (instance: string, { atLeast, bytes, until, untilMs }: UnloadedWrites): string =>
  `Redis has loaded data that is older than the log: at least ${formatCountOf(atLeast, 'write')} (${formatBytes(bytes)} of log, up to ${formatTime(untilMs, 'seconds')}) are not in it. Keys that it lacks can be brought back; values that were changed and keys that were deleted by then are as they were before. To have all as the log has it, in place of what is there now: \`redis-backup restore ${instance} --until ${until} --strategy live\``;

/** What was to come back and failed. */
export const couldNotBringBack = (instance: string, offer: RestoreOffer, reason: string): string =>
  `Lost keys could not be brought back: ${withoutStop(reason)}. To try again: \`${offerCommand(instance, offer)}\``;
