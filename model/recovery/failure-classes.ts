import type { Evidence } from './evidence.ts';
import { DATA_FILES } from './failure-classes/data-files.ts';
import { DOWN } from './failure-classes/down.ts';
import { REACH } from './failure-classes/reach.ts';
import { REFUSALS } from './failure-classes/refusals.ts';
import type { FailureClassRow } from './failure-classes/row.ts';
import type { Situation } from './situation.ts';

/** In this order they are asked: the first that fits is it. */
const ROWS = { ...DATA_FILES, ...DOWN, ...REFUSALS, ...REACH };

export type FailureClass = keyof typeof ROWS;

/** What can be wrong with a Redis, as a closed list. All that is said of a class, and what is done about it, stands in its row. */
export const FAILURE_CLASSES: Readonly<Record<FailureClass, FailureClassRow>> = ROWS;

const NAMES = Object.keys(FAILURE_CLASSES) as FailureClass[];

/** The class, and what speaks for it. */
export function classify(situation: Situation): { failure: FailureClass; evidence: Evidence } {
  for (const failure of NAMES) {
    const evidence = FAILURE_CLASSES[failure].diagnose(situation);
    if (evidence) return { failure, evidence };
  }
  throw new Error(`no class of failure for a Redis that is seen so: ${situation.kind}`);
}
