import { setTimeout } from 'node:timers/promises';

/** Waits, or throws the signal's reason as soon as it aborts. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await setTimeout(ms, undefined, { signal });
  } catch (error) {
    throw signal?.aborted ? signal.reason : error; // Node's own AbortError would hide who cancelled and why
  }
}
