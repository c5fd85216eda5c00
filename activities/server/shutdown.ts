import { setTimeout as after } from 'node:timers/promises';
import { RecoveryError } from '../../model/errors.ts';
import type { Control } from '../../platforms/platform.ts';
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

const LAST_LINES = 10;

/**
 * A Redis whose last save fails does not end, and says why in its log only.
 * @param saves - what ends it, and saves
 * @throws RecoveryError `TARGET_DISK_FULL` in place of its refusal, where that was for want of room
 */
export async function orDiskFull(saves: Promise<unknown>, instance: string, platform: Control): Promise<void> {
  try {
    await saves;
  } catch (error) {
    if (!(error instanceof RecoveryError) || error.code !== 'REDIS_REFUSED') throw error;
    const lines = await platform.logs(LAST_LINES).catch(() => [] as string[]);
    if (!lines.some((line) => line.includes('No space left on device'))) throw error;
    const { dir } = await platform.dataLayout();
    throw new RecoveryError('TARGET_DISK_FULL', `${dir} has no room for the last save of ${instance}, which was not stopped`, {
      next: `Free room in the file system of ${dir}, for all that ${instance} has in memory.`,
      cause: error,
    });
  }
}
