import { type AofBackupResult, type StoredAofBackup, toStoredAof } from '../model/backup/aof-backup.ts';
import type { AofBackupInput } from '../model/operations.ts';
import { controlOf, filesOf } from '../model/placement.ts';
import { askedIn } from '../model/shard.ts';
import { CHECKS, checkInput } from './inputs.ts';
import { type HeldLock, withInstanceLock } from './lock/with-instance-lock.ts';
import { cancelHint, Watching } from './operation-status.ts';
import { runStep } from './steps/run-step.ts';

/** As for a snapshot. */
const LOCK_WAIT_SECONDS = 1800;

/** Copies the append-only log of a Redis that goes on writing it. Ends as `skipped` when another operation holds the lock for long. */
export async function backupAof(input: AofBackupInput): Promise<AofBackupResult> {
  const optional = { shard: CHECKS.shard, reason: CHECKS.reason, lockWaitSeconds: CHECKS.seconds };
  checkInput('backupAof', input, { instance: CHECKS.instance }, optional);
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

async function copyLog(input: AofBackupInput, held: HeldLock, watching: Watching): Promise<StoredAofBackup> {
  watching.enter('assess');
  const { instance, reason = 'manual' } = input;
  const of = await runStep('whichShard', askedIn(input), { summary: `which Redis ${instance} is` });
  const assessment = await runStep('assessAof', of, { at: controlOf(of), summary: `look at the log of ${of.name}` });
  const { previousPercentage, operationId, layout } = assessment;
  await held.undoLater({
    undo: 'putBackAofRewrites',
    args: { ...of, previousPercentage },
    when: 'always',
    summary: `set auto-aof-rewrite-percentage of ${of.name} back to ${previousPercentage}`,
  });
  await held.undoLater({
    undo: 'closeFiles',
    args: of,
    when: 'always',
    summary: `leave the data directory of ${of.name}`,
  });
  await held.undoLater({
    undo: 'removeAofPins',
    args: { ...of, layout, operationId },
    when: 'always',
    summary: 'remove the links to the log',
  });
  watching.enter('copy');
  const summary = `copy the log of ${of.name} into the repository`;
  const draft = await runStep('storeAof', { ...of, reason, ...assessment }, { at: filesOf(of), summary });
  watching.enter('publish');
  await runStep('publishAof', draft, { summary: `publish ${draft.manifest.backupId}: write its manifest, last` });
  return toStoredAof(draft.manifest, draft.seconds);
}
