import { ActivityFailure, isCancellation, patched } from '@temporalio/workflow';
import type { BackupInput, BackupResult } from '../model/operations.ts';
import type { NamedShard } from '../model/shard.ts';
import { CHECKS, checkInput } from './inputs.ts';
import { withInstanceLock } from './lock/with-instance-lock.ts';
import { cancelHint, Watching } from './operation-status.ts';
import type { StepRunner } from './procedures/step-runner.ts';
import { takeSnapshot } from './procedures/take-snapshot.ts';
import { closePlacement } from './steps/placements.ts';
import { runStep } from './steps/run-step.ts';

/** A backup that a restore keeps waiting for longer is skipped: the schedule comes again. */
const LOCK_WAIT_SECONDS = 1800;

/** Takes one snapshot of every shard and then applies retention. Ends as `skipped` when another operation holds the lock for long. */
export async function backupSnapshot(input: BackupInput): Promise<BackupResult> {
  checkInput('backupSnapshot', input, { instance: CHECKS.instance }, { reason: CHECKS.reason, lockWaitSeconds: CHECKS.seconds });
  const { instance, reason = 'manual', lockWaitSeconds = LOCK_WAIT_SECONDS } = input;
  const watching = new Watching(instance, 'backup', cancelHint());
  return watching.run(async () => {
    watching.enter('wait for the lock');
    let shards: NamedShard[] = [];
    const backups = await withInstanceLock({ instance, kind: 'backup', waitSeconds: lockWaitSeconds }, async (held) => {
      const runner: StepRunner = {
        runStep,
        close: closePlacement,
        undoLater: held.undoLater,
        enter: (phase) => watching.enter(phase),
      };
      shards = await runStep('listShards', { instance }, { summary: `which Redis ${instance} has` });
      return ofEach(shards, (of) => takeSnapshot(runner, of, reason));
    });
    if ('outcome' in backups) return { outcome: 'skipped', instance, skippedBecause: backups.because };
    watching.enter('retention');
    const retention = await retain(instance);
    if (reason === 'scheduled' && patched('record-baseline')) for (const of of shards) await remember(of);
    return { outcome: 'stored', instance, backups, retention };
  });
}

/** One after the other. What one fails of keeps no other from its backup. @throws it, when all have had their turn */
async function ofEach<T>(shards: readonly NamedShard[], take: (of: NamedShard) => Promise<T>): Promise<T[]> {
  const taken: T[] = [];
  const failed: unknown[] = [];
  for (const of of shards) {
    try {
      taken.push(await take(of));
    } catch (error) {
      if (isCancellation(error)) throw error;
      failed.push(error);
    }
  }
  if (failed.length > 0) throw failed[0];
  return taken;
}

/** A backup that is stored is never called failed because old ones could not be deleted: the result says so. */
async function retain(instance: string): Promise<{ removed: string[]; problem?: string }> {
  try {
    const { removed } = await runStep(
      'applyRetention',
      { instance },
      { summary: 'delete backups that the rules no longer keep' },
    );
    return { removed: removed.map(({ backupId }) => backupId) };
  } catch (error) {
    if (error instanceof ActivityFailure && error.cause) return { removed: [], problem: error.cause.message };
    throw error;
  }
}

/**
 * Remembers how the cache was doing, for the recovery that nobody hopes for. It takes a window of time, so only of runs that
 * nobody waits for; a backup that is stored is never called failed because of it.
 */
async function remember(of: NamedShard): Promise<void> {
  try {
    await runStep('recordBaseline', of, { summary: `remember the hit rate of ${of.name}, to compare with after a failure` });
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
  }
}
