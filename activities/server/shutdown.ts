import { setTimeout as after } from 'node:timers/promises';
import { RecoveryError } from '../../model/errors.ts';
import { isCommandMissing } from '../../redis/client/renames.ts';

/**
 * Redis answers SHUTDOWN by closing the connection; an answer is a refusal.
 * @param beforeSignal - what is to be done where the command is disabled and the platform's signal will end it
 */
export async function shutdown(answer: Promise<unknown>, beforeSignal: () => Promise<unknown>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (error instanceof RecoveryError && error.code === 'REDIS_UNREACHABLE') return;
    if (!isCommandMissing(error)) throw error;
    await beforeSignal();
  }
  await after(0);
}
