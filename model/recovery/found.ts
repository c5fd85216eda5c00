import type { FailureClass } from './failure-classes.ts';

/** A class with what speaks for it, the strongest first, and what a person has to do that we may not. */
export interface Found {
  failure: FailureClass;
  evidence: string[];
  advice: string[];
}

export const found = (failure: FailureClass, evidence: (string | undefined | false)[], advice: string[] = []): Found => ({
  failure,
  evidence: evidence.filter((text): text is string => typeof text === 'string' && text !== ''),
  advice,
});

/** What Redis logged, as evidence. */
export const logged = (line: string | undefined): string | undefined =>
  line === undefined ? undefined : `Its log says: ${line}`;
