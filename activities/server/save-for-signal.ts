import { hasCode, RecoveryError } from '../../model/errors.ts';
import { unsavedText } from '../../model/restore/unsaved.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { ifKnown } from '../../redis/client/renames.ts';
import { saveAndWait } from '../../redis/persistence/bgsave.ts';

export interface SaveForSignalOptions {
  instance: string;
  /** Somebody knows what is lost where nothing makes it save. */
  mayLose: boolean;
  signal: AbortSignal;
}

/** Any save point: with one, a signal saves whatever has changed. */
const SAVE_POINT = '3600 1';

/**
 * Has a Redis that is to be ended by a signal save what it holds, then or now: by SAVE; by its save points, or one that is set for
 * it; by BGSAVE, behind which a moment is lost.
 * @throws RecoveryError `STOP_FAILED`, with the count, where each of them is disabled or forbidden and something would be lost
 */
export async function saveForSignal(client: RedisClient, { instance, mayLose, signal }: SaveForSignalOptions): Promise<void> {
  if ((await ifAllowed(client.command('SAVE'))) !== undefined) return;
  const { save } = (await ifAllowed(client.configGet('save'))) ?? {};
  if (save !== undefined && save !== '') return;
  if ((await ifAllowed(client.configSet('save', SAVE_POINT).then(() => true))) !== undefined) return;
  if ((await ifAllowed(saveAndWait(client, { signal }).then(() => true))) !== undefined || mayLose) return;
  const info = await client.info('persistence');
  const changes = info.number('rdb_changes_since_last_save') ?? 0;
  if (changes === 0) return;
  const text = unsavedText({ changes, savedAtMs: (info.number('rdb_last_save_time') ?? 0) * 1000 });
  throw new RecoveryError(
    'STOP_FAILED',
    `${instance} cannot be told to save, SHUTDOWN, SAVE, CONFIG and BGSAVE are disabled or have other names, and would lose ${text}: it was not ended`,
    { next: 'Say what one of them is called by its `commands`, or permit it.' },
  );
}

async function ifAllowed<T>(question: Promise<T>): Promise<T | undefined> {
  try {
    return await ifKnown(question);
  } catch (error) {
    if (hasCode(error, 'REDIS_PERMISSION_DENIED')) return undefined;
    throw error;
  }
}
