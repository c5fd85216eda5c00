import type { AuthenticationWatch } from './recovery.ts';
import { formatRequestRate } from './sign-in-forecast.ts';

/** What a watch of the rate of authentication requests has seen so far. */
export interface SeenRates {
  peakPerSecond?: number;
  lastPerSecond?: number;
  /** Normal looks in a row. */
  calm: number;
  wasHigh: boolean;
  /** Why the last look gave nothing. */
  why?: string;
}

/** So much above the usual rate is usual too. */
const ABOVE = 1.2;
/** The same where the usual rate is next to nothing. */
const LITTLE_PER_SECOND = 0.1;
const CALM_LOOKS = 3;
/** People come back within this time, or there is no spike. */
const GRACE_MS = 120_000;

export const nothingSeen: SeenRates = { calm: 0, wasHigh: false };

const isNormal = (perSecond: number, normalPerSecond: number): boolean =>
  perSecond <= Math.max(normalPerSecond * ABOVE, normalPerSecond + LITTLE_PER_SECOND);

/** One look further. One that gave nothing breaks no row, and is no part of it. */
export function nextLook(seen: SeenRates, look: { perSecond: number } | { why: string }, normalPerSecond?: number): SeenRates {
  if ('why' in look) return { ...seen, why: look.why };
  const { perSecond } = look;
  const calm = normalPerSecond !== undefined && isNormal(perSecond, normalPerSecond);
  return {
    peakPerSecond: Math.max(perSecond, seen.peakPerSecond ?? 0),
    lastPerSecond: perSecond,
    calm: calm ? seen.calm + 1 : 0,
    wasHigh: seen.wasHigh || (normalPerSecond !== undefined && !calm),
  };
}

/** Whether the spike is over, or did not come. */
export const isBackToNormal = ({ calm, wasHigh }: SeenRates, { elapsedMs, limitMs }: { elapsedMs: number; limitMs: number }) =>
  calm >= CALM_LOOKS && (wasHigh || elapsedMs >= Math.min(GRACE_MS, limitMs / 4));

/** `24 a second, 2 are usual`. */
export function noteOfRates({ lastPerSecond, why }: SeenRates, normalPerSecond?: number): string {
  if (why !== undefined) return why;
  if (lastPerSecond === undefined) return 'not looked at yet';
  return `${formatRequestRate(lastPerSecond)}${normalPerSecond === undefined ? '' : `, ${formatRequestRate(normalPerSecond)} are usual`}`;
}

export function verdictOfRates(
  seen: SeenRates,
  { normalPerSecond, seconds, back }: { normalPerSecond?: number; seconds: number; back: boolean },
): AuthenticationWatch {
  const { peakPerSecond, lastPerSecond, why } = seen;
  const base = {
    ...(normalPerSecond === undefined ? {} : { normalPerSecond }),
    ...(peakPerSecond === undefined ? {} : { peakPerSecond }),
    ...(lastPerSecond === undefined ? {} : { lastPerSecond }),
    seconds,
  };
  if (lastPerSecond === undefined || peakPerSecond === undefined)
    return { ...base, verdict: 'cannot-be-told', text: `the rate was never answered: ${why ?? 'not asked'}` };
  const now = `${formatRequestRate(lastPerSecond)} now, ${formatRequestRate(peakPerSecond)} at most`;
  if (normalPerSecond === undefined)
    return { ...base, verdict: 'cannot-be-told', text: `${now}; nothing is recorded from before the failure to compare with` };
  const usual = `${formatRequestRate(normalPerSecond)} are usual`;
  if (!back) return { ...base, verdict: 'still-high', text: `still high: ${now}, ${usual}` };
  return {
    ...base,
    verdict: 'back-to-normal',
    text: seen.wasHigh ? `back to normal: ${now}, ${usual}` : `no spike: ${now}, ${usual}`,
  };
}

export const notWatched: AuthenticationWatch = {
  verdict: 'not-watched',
  seconds: 0,
  text: 'no source of the authentication rate is configured',
};
