import { type AofBackupResult, type StoredAofBackup, toStoredAof } from '../model/backup/aof-backup.ts';
import type { BackupInput } from '../model/operations.ts';
import { controlOf, filesOf } from '../model/placement.ts';
import { CHECKS, checkInput } from './inputs.ts';
import { type HeldLock, withInstanceLock } from './lock/with-instance-lock.ts';
import { cancelHint, Watching } from './operation-status.ts';
import { runStep } from './steps/run-step.ts';

/** As for a snapshot. */
const LOCK_WAIT_SECONDS = 1800;

/** Copies the append-only log of a Redis that goes on writing it. Ends as `skipped` when another operation holds the lock for long. */
export async function backupAof(input: BackupInput): Promise<AofBackupResult> {
  checkInput('backupAof', input, { instance: CHECKS.instance }, { reason: CHECKS.reason, lockWaitSeconds: CHECKS.seconds });
  const { instance, lockWaitSeconds = LOCK_WAIT_SECONDS } = input;
  const watching = new Watching(instance, 'backup-aof', cancelHint());
  return watching.run(async () => {
    watching.enter('wait for the lock');
    const options = { instance, kind: 'backup', waitSeconds: lockWaitSeconds } as const;
    const backup = await withInstanceLock(options, (held) => copyLog(input, held, watching));
    if ('outcome' in backup) return { outcome: 'skipped', instance, skippedBecause: backup.because };
    return { outcome: 'stored', instance, backup };
  });
}

async function copyLog(
  { instance, reason = 'manual' }: BackupInput,
  held: HeldLock,
  watching: Watching,
): Promise<StoredAofBackup> {
  watching.enter('assess');
  const of = await runStep('onlyShard', { instance }, { summary: `which Redis ${instance} is` });
  const assessment = await runStep('assessAof', { instance }, { at: controlOf(of), summary: `look at the log of ${instance}` });
  const { previousPercentage, operationId, layout } = assessment;
  await held.undoLater({
    undo: 'putBackAofRewrites',
    args: { instance, previousPercentage },
    when: 'always',
    summary: `set auto-aof-rewrite-percentage of ${instance} back to ${previousPercentage}`,
  });
  await held.undoLater({
    undo: 'closeFiles',
    args: of,
    when: 'always',
    summary: `leave the data directory of ${instance}`,
  });
  await held.undoLater({
    undo: 'removeAofPins',
    args: { ...of, layout, operationId },
    when: 'always',
    summary: 'remove the links to the log',
  });
  watching.enter('copy');
  const summary = `copy the log of ${instance} into the repository`;
  const draft = await runStep('storeAof', { instance, reason, ...assessment }, { at: filesOf(of), summary });
  watching.enter('publish');
  await runStep('publishAof', draft, { summary: `publish ${draft.manifest.backupId}: write its manifest, last` });
  return toStoredAof(draft.manifest, draft.seconds);
}
