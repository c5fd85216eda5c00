import { type AofBackupResult, type StoredAofBackup, toStoredAof } from '../model/aof-backup.ts';
import type { BackupInput } from '../model/operations.ts';
import { CHECKS, checkInput } from './inputs.ts';
import { act } from './steps.ts';
import { cancelHint, Watching } from './watching.ts';
import { type HeldLock, withInstanceLock } from './with-instance-lock.ts';

/** As for a snapshot. */
const LOCK_WAIT_SECONDS = 1800;

/** Copies the append-only log of a Redis that goes on writing it. Ends as `skipped` when another operation holds the lock for long. */
export async function backupAof(input: BackupInput): Promise<AofBackupResult> {
  checkInput('backupAof', input, { instance: CHECKS.instance }, { reason: CHECKS.reason, lockWaitSeconds: CHECKS.seconds });
  const { instance, lockWaitSeconds = LOCK_WAIT_SECONDS } = input;
  const watching = new Watching(instance, 'backup-aof', cancelHint());
  return watching.run(async () => {
    const { queue: place } = await act('openPlace', { instance }, { summary: `find the machine of ${instance}` });
    watching.enter('wait for the lock');
    const options = { instance, kind: 'backup', waitSeconds: lockWaitSeconds } as const;
    const backup = await withInstanceLock(options, (held) => copyLog(input, place, held, watching));
    if ('outcome' in backup) return { outcome: 'skipped', instance, skippedBecause: backup.because };
    return { outcome: 'stored', instance, backup };
  });
}

async function copyLog(
  { instance, reason = 'manual' }: BackupInput,
  place: string,
  held: HeldLock,
  watching: Watching,
): Promise<StoredAofBackup> {
  watching.enter('assess');
  const assessment = await act('assessAof', { instance }, { place, summary: `look at the log of ${instance}` });
  const { previousPercentage, operationId } = assessment;
  await held.undoLater({
    step: 'putBackAofRewrites',
    args: { instance, previousPercentage },
    when: 'always',
    summary: `set auto-aof-rewrite-percentage of ${instance} back to ${previousPercentage}`,
  });
  await held.undoLater({
    step: 'removeAofPins',
    args: { instance, operationId },
    when: 'always',
    place,
    summary: 'remove the links to the log',
  });
  watching.enter('copy');
  const summary = `copy the log of ${instance} into the repository`;
  const draft = await act('storeAof', { instance, reason, ...assessment }, { place, summary });
  watching.enter('publish');
  await act('publishAof', draft, { summary: `publish ${draft.manifest.backupId}: write its manifest, last` });
  return toStoredAof(draft.manifest, draft.seconds);
}
