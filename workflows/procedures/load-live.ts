import { isCancellation } from '@temporalio/workflow';
import type { RestoreInput, RestoreReport } from '../../model/operations.ts';
import { askedIn, shardIn } from '../../model/shard.ts';
import { failure } from '../failures.ts';
import type { StepResult } from '../steps/step-table.ts';
import { detachArchiver } from './detach-archiver.ts';
import { planRehearsed } from './rehearse.ts';
import { reportFrom } from './replace-from-rdb.ts';
import { seeApplications } from './see-applications.ts';
import type { PlannedLiveLoad, PlanRunner, RestoreRunner } from './step-runner.ts';
import { takeSnapshot } from './take-snapshot.ts';

/** Looks at the running Redis and the repository and says what a live restore would do. Read-only but for a pin. */
export async function planLiveLoad(runner: PlanRunner, input: RestoreInput): Promise<PlannedLiveLoad> {
  runner.enter('plan');
  const of = await runner.runStep('whichShard', askedIn(input), { summary: `which Redis ${input.instance} is` });
  const { name } = of;
  const at = await runner.runStep('openBeside', of, { summary: `find a worker that ${name} can follow` });
  const look = () => runner.runStep('surveyLive', of, { at, summary: `look at ${name}, and try the way from it to the worker` });
  const what = input.until ?? input.aofBackup ?? input.backupId ?? 'the newest backup';
  const summary = `plan the live restore of ${what} and what it loses`;
  const planned = await planRehearsed(runner, { of, input, at, summary, look });
  return { ...planned, input, at };
}

/**
 * Restores without stopping, under a lock that the caller holds: everything is downloaded and verified first, then Redis
 * follows the worker, takes backup and log, and is promoted. Reads are served from the old data until the new is complete.
 */
export async function loadLive(runner: RestoreRunner, restore: PlannedLiveLoad, operationId: string): Promise<RestoreReport> {
  const { plan, at: beside } = restore;
  const of = shardIn(plan);
  const { name } = of;
  const at = (summary: string) => ({ at: beside, summary, serving: name });

  runner.enter('download');
  await runner.undoLater({
    undo: 'discardLive',
    args: { operationId, at: beside },
    when: 'always',
    summary: 'delete what was downloaded',
  });
  const download = { at: beside, summary: `download and verify ${plan.backupId}; ${name} serves` };
  const staged = await runner.runStep('stageLive', { plan }, download);
  const safety = plan.safetySnapshot.taken ? (await takeSnapshot(runner, of, 'safety')).backupId : undefined;

  runner.enter('detach');
  await detachArchiver(runner, of);
  const before = await runner.runStep('readLiveSettings', { plan }, at(`note the settings of ${name} that the load changes`));
  runner.enter('load');
  const { logBytes } = staged;
  if (logBytes !== undefined && safety !== undefined)
    await runner.undoLater({
      undo: 'loadSafetyBack',
      args: { plan, before, logBytes, safetyBackupId: safety, operationId, at: beside },
      when: 'unlessSucceeded',
      summary: `load safety snapshot ${safety} back if only a part of the log was applied`,
    });
  await runner.undoLater({
    undo: 'putBackLive',
    args: { ...of, before },
    when: 'always',
    interrupts: true,
    summary: `make ${name} a primary again, with its settings`,
  });
  const loaded = await runner.runStep(
    'loadLive',
    { plan, before },
    at(`${name} follows the worker: reads are served, writes refused`),
  );

  try {
    return await proveLive(runner, restore, { staged, loaded, safety });
  } catch (error) {
    if (!isCancellation(error)) throw error;
    throw failure(
      'CANCELLED',
      `the restore of ${name} was cancelled when ${name} had the restored data already: that stands there now, and was not proved`,
      safety
        ? `Keep it, or bring back what was there: \`redis-backup restore ${name} ${safety} --strategy live\`.`
        : 'Keep it, or restore another backup.',
    );
  }
}

/** From the promotion on the new data stands there, whatever fails. */
async function proveLive(
  runner: RestoreRunner,
  restore: PlannedLiveLoad,
  { staged, loaded, safety }: Promoted,
): Promise<RestoreReport> {
  const { plan, at: beside } = restore;
  const of = shardIn(plan);
  const { name } = of;
  const at = (summary: string) => ({ at: beside, summary, serving: name });
  runner.enter('count');
  const counts = await runner.runStep(
    'verifyLive',
    { plan, staged, loaded },
    at('prove that every key and every byte of the log arrived'),
  );
  runner.enter('persist');
  const { persisted } = await runner.runStep(
    'awaitOwnPersistence',
    { ...of, runId: loaded.runId },
    at(`wait until ${name} has the new data in its own files`),
  );
  const { applications, warnings } = await seeApplications(runner, restore, { at: beside, sinceMs: 0 });
  return reportFrom(restore, {
    counts,
    applications,
    warnings,
    downtimeSeconds: 0,
    live: {
      writesRefusedSeconds: loaded.writesRefusedSeconds,
      acceptedBetween: loaded.acceptedBetween,
      load: plan.live?.load ?? 'disk',
      persisted,
      ...(loaded.configFile ? { configFile: loaded.configFile } : {}),
    },
    ...(safety ? { safetyBackupId: safety } : {}),
  });
}

interface Promoted {
  staged: StepResult<'stageLive'>;
  loaded: StepResult<'loadLive'>;
  safety: string | undefined;
}
