import { aliveAfter, type Census, type ClassCensus } from '../backup/census.ts';
import type { Bounds } from '../backup/expiry-timeline.ts';
import { type DataClass, OTHER } from '../data-class.ts';

/** What of one data class of a backup is alive, and what losing it means to people. */
export interface ClassLoss {
  name: string;
  keysInBackup: number;
  /** Of these, alive now. */
  aliveNow: Bounds;
  expiry: 'fixed' | 'sliding' | 'unknown';
  /** Live credentials: restoring an old snapshot revives the ones that were signed out since. */
  sensitive: boolean;
  /** What people notice when it is lost. */
  whenLost: string;
}

/**
 * What of each class of a backup is alive now.
 * @param elapsedSeconds - since the backup was taken, by the clock of the server that will load it
 */
export function classLosses(
  census: Census,
  { classes, bounds, elapsedSeconds }: { classes: readonly DataClass[]; bounds: readonly number[]; elapsedSeconds: number },
): ClassLoss[] {
  return census.classes.map((counted) => {
    const known = classes.find(({ name }) => name === counted.name);
    const aliveNow = aliveOf(counted, elapsedSeconds, bounds);
    return {
      name: counted.name,
      keysInBackup: counted.keys,
      aliveNow,
      expiry: known?.expiry ?? 'unknown',
      sensitive: known?.sensitive ?? false,
      whenLost: known?.whenLost ?? (counted.name === OTHER ? 'unknown: no data class names these keys' : 'unknown'),
    };
  });
}

const aliveOf = (counted: ClassCensus, elapsedSeconds: number, bounds: readonly number[]): Bounds =>
  aliveAfter(counted, elapsedSeconds, bounds);

/** Bounds of several classes together. */
export const sumOfBounds = (all: readonly Bounds[]): Bounds => ({
  atLeast: all.reduce((sum, { atLeast }) => sum + atLeast, 0),
  atMost: all.reduce((sum, { atMost }) => sum + atMost, 0),
});
