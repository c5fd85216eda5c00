import { aliveAfter, type Census, type ClassCensus } from './census.ts';
import { type DataClass, OTHER } from './data-class.ts';
import type { Bounds } from './expiry-timeline.ts';

/** What a restore brings back of one data class, and what that means to people. */
export interface ClassLoss {
  name: string;
  keysInBackup: number;
  /** Of these, alive now. */
  aliveNow: Bounds;
  /** In the target now, when a census of it was taken. */
  keysNow?: number;
  /** Of the keys in the target now, those that the backup does not bring back. Absent without a census of the target. */
  lost?: Bounds;
  expiry: 'fixed' | 'sliding' | 'unknown';
  /** Live credentials: restoring an old snapshot revives the ones that were signed out since. */
  sensitive: boolean;
  /** What people notice when it is lost. */
  whenLost: string;
}

/**
 * What comes back of each class, and at most how much is lost.
 * @param elapsedSeconds - since the backup was taken, by the clock of the server that will load it
 * @param now - a census of the target, when there is one
 */
export function classLosses(
  census: Census,
  {
    classes,
    bounds,
    elapsedSeconds,
    now,
  }: { classes: readonly DataClass[]; bounds: readonly number[]; elapsedSeconds: number; now?: Census },
): ClassLoss[] {
  return census.classes.map((counted) => {
    const known = classes.find(({ name }) => name === counted.name);
    const keysNow = now?.classes.find(({ name }) => name === counted.name)?.keys;
    const aliveNow = aliveOf(counted, elapsedSeconds, bounds);
    return {
      name: counted.name,
      keysInBackup: counted.keys,
      aliveNow,
      ...(keysNow === undefined ? {} : { keysNow, lost: lostOf(keysNow, aliveNow) }),
      expiry: known?.expiry ?? 'unknown',
      sensitive: known?.sensitive ?? false,
      whenLost: known?.whenLost ?? (counted.name === OTHER ? 'unknown: no data class names these keys' : 'unknown'),
    };
  });
}

const aliveOf = (counted: ClassCensus, elapsedSeconds: number, bounds: readonly number[]): Bounds =>
  aliveAfter(counted, elapsedSeconds, bounds);

/** All of today's keys may be newer than the backup; at best every living key of the backup is one of them. */
const lostOf = (keysNow: number, aliveNow: Bounds): Bounds => ({
  atLeast: Math.max(0, keysNow - aliveNow.atMost),
  atMost: keysNow,
});

/** Bounds of several classes together. */
export const sumOfBounds = (all: readonly Bounds[]): Bounds => ({
  atLeast: all.reduce((sum, { atLeast }) => sum + atLeast, 0),
  atMost: all.reduce((sum, { atMost }) => sum + atMost, 0),
});
