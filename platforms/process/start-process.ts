import { setTimeout as sleep } from 'node:timers/promises';
import { RecoveryError } from '../../model/errors.ts';
import { reasonIn } from '../host/log-tail.ts';
import { type ProcessEntry, stillRuns } from '../host/process-table.ts';
import { listens } from './find-redis.ts';
import type { LocalRedis } from './local-redis.ts';
import type { Starter, Starting } from './starter.ts';

/** While nobody hurries. */
const POLL_MS = 100;
/** While clients wait for it. */
const QUICK_POLL_MS = 20;
const SETTLED_MS = 1000;
const LAST_LINES = 40;

/** A process that listens, which Redis does before it loads; or that has been there for a second, where we may not see that. */
export async function untilUp(
  { starter, identity, startTimeoutMs }: LocalRedis,
  starting: Starting,
  signal?: AbortSignal,
): Promise<ProcessEntry> {
  const begun = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    const found = await starter.find();
    const listening = found !== undefined && (await listens(found, await identity()));
    const tookMs = performance.now() - begun;
    // Asked after looking: a process that had ended just before must not count as up.
    const failure = await starting.failure();
    if (failure) throw startFailed(starter, await starter.logs(LAST_LINES), failure);
    if (found && (listening || tookMs > SETTLED_MS) && (await stillRuns(found))) return found;
    if (tookMs > startTimeoutMs) {
      throw startFailed(starter, await starter.logs(LAST_LINES), { why: `no process within ${startTimeoutMs / 1000} s` });
    }
    await sleep(tookMs < SETTLED_MS ? QUICK_POLL_MS : POLL_MS, undefined, { signal });
  }
}

function startFailed(
  { description }: Starter,
  lines: string[],
  { code, signal, why }: { code?: number; signal?: string; why?: string },
) {
  const how = [why, signal && `ended by ${signal}`, code !== undefined && `exit code ${code}`].filter(Boolean).join(', ');
  return new RecoveryError('START_FAILED', `${description} did not start (${how}): ${reasonIn(lines)}`, {
    next: 'Correct what the last lines of its log say, then try again.',
  });
}
