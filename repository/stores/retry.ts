import { hasCode } from '../../model/errors.ts';
import { pause } from './pause.ts';

const LONGEST_PAUSE_MS = 5_000;
/** A flipped byte, or an object that isn't there, is a rare accident: one that comes back this often is a broken machine. */
const UNSURE_ATTEMPTS = 4;

/**
 * Repeats what failed because the store was away, until it was away for `retryForMs`. An upload of an hour must not be
 * lost to a restart of the store; whoever wants to give up sooner aborts the signal.
 * @param work - must be safe to repeat
 * @throws the last RecoveryError, or the signal's reason
 */
export async function withRetries<T>(work: () => Promise<T>, retryForMs: number, signal?: AbortSignal): Promise<T> {
  const begun = Date.now();
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      const passing = isUnreachable(error) || (isUnsure(error) && attempt < UNSURE_ATTEMPTS);
      const ms = backoffMs(attempt);
      if (!passing || Date.now() + ms - begun > retryForMs) throw error;
      await pause(ms, signal);
    }
  }
}

/** 0.1 s doubling up to 5 s, of which a random half: many clients must not come back at once. */
export const backoffMs = (attempt: number): number =>
  Math.min(LONGEST_PAUSE_MS, 100 * 2 ** Math.min(attempt - 1, 10)) * (0.5 + Math.random() / 2);

/** Nobody answers, or somebody else than the store: a maintenance page is over some time. */
export const isUnreachable = (error: unknown): boolean => hasCode(error, 'STORE_UNREACHABLE', 'STORE_NOT_S3');
const isUnsure = (error: unknown): boolean => hasCode(error, 'OBJECT_CORRUPT', 'STORE_UNPROVEN');
