import { type Beyond, beyondText } from './beyond.ts';
import { formatCountOf } from './format.ts';
import type { PlanInput, RestorePlan } from './plan.ts';

/** A plan names no more than these, and counts the others: it stays small. */
const MOST_NAMED = 20;

/** What `latest` would leave out without a word, were it not asked. A moment or a backup that is named is what it is. */
export const leftOutByLatest = ({
  beyond = [],
  log,
  asksLatest,
}: Pick<PlanInput, 'beyond' | 'log' | 'asksLatest'>): readonly Beyond[] =>
  (log ? log.until === 'latest' : asksLatest) ? beyond : [];

/** The first lines of a plan. */
export function beyondLines({ beyond }: Pick<RestorePlan, 'beyond'>): string[] {
  if (beyond.length === 0) return [];
  const more = beyond.length - MOST_NAMED;
  return [
    'DAMAGED OR MISSING, and newer than what is restored',
    ...beyond.slice(0, MOST_NAMED).map((one) => `  ${beyondText(one)}.`),
    ...(more > 0 ? [`  And ${formatCountOf(more, 'more')}.`] : []),
  ];
}
