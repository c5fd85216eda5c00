import { setTimeout as after } from 'node:timers/promises';
import { RecoveryError } from '../../model/errors.ts';
import type { Control, PlatformStatus } from '../../platforms/platform.ts';

const PAUSE_MS = 1_000;

/**
 * Starts a Redis. A start that fails is tried again while the budget lasts; one that has ended in the same way twice is final:
 * nothing that is tried again mends a redis.conf or a log that Redis refuses, and clients wait.
 * @throws RecoveryError `START_FAILED`
 */
export async function startWithin(platform: Control, budgetMs: number, signal: AbortSignal): Promise<PlatformStatus> {
  const begun = performance.now();
  let before: string | undefined;
  for (;;) {
    try {
      return await platform.start(signal);
    } catch (error) {
      if (!(error instanceof RecoveryError) || error.code !== 'START_FAILED') throw error;
      const end = lastLine(error.message);
      if (end === before || performance.now() - begun > budgetMs) throw error;
      before = end;
    }
    await after(PAUSE_MS, undefined, { signal });
  }
}

/** Process ids and times are others in each attempt, and what an earlier one logged stands before it. */
const lastLine = (message: string): string | undefined =>
  message
    .split(/ \| |\): /)
    .at(-1)
    ?.replace(/\d+/g, '#');
