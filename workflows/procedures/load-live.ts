import { isCancellation } from '@temporalio/workflow';
import type { RestoreInput, RestoreReport } from '../../model/operations.ts';
import { failure } from '../failures.ts';
import type { PlanConduct, PlannedRestore, RestoreConduct, StepResult } from './conduct.ts';
import { detachArchiver } from './detach-archiver.ts';
import { planRehearsed } from './rehearse.ts';
import { reportFrom } from './replace-from-rdb.ts';
import { seeApplications } from './see-applications.ts';
import { takeSnapshot } from './take-snapshot.ts';

/** Looks at the running Redis and the repository and says what a live restore would do. Read-only but for a pin. */
export async function planLiveLoad(conduct: PlanConduct, input: RestoreInput): Promise<PlannedRestore> {
  const { instance } = input;
  conduct.enter('plan');
  const { queue: place } = await conduct.act(
    'openLivePlace',
    { instance },
    { summary: `find a worker that ${instance} can follow` },
  );
  const look = () =>
    conduct.act('surveyLive', { instance }, { place, summary: `look at ${instance}, and try the way from it to the worker` });
  const what = input.until ?? input.aofBackup ?? input.backupId ?? 'the newest backup';
  const summary = `plan the live restore of ${what} and what it loses`;
  const planned = await planRehearsed(conduct, { input, place, summary, look });
  return { ...planned, input, place };
}

/**
 * Restores without stopping, under a lock that the caller holds: everything is downloaded and verified first, then Redis
 * follows the worker, takes backup and log, and is promoted. Reads are served from the old data until the new is complete.
 */
export async function loadLive(conduct: RestoreConduct, restore: PlannedRestore, operationId: string): Promise<RestoreReport> {
  const { plan, place } = restore;
  const { instance } = plan;
  const at = (summary: string) => ({ place, summary, serving: instance });

  conduct.enter('download');
  await conduct.undoLater({
    step: 'discardLive',
    args: { operationId },
    when: 'always',
    place,
    summary: 'delete what was downloaded',
  });
  const download = { place, summary: `download and verify ${plan.backupId}; ${instance} serves` };
  const staged = await conduct.act('stageLive', { plan }, download);
  const safety = plan.safetySnapshot.taken ? (await takeSnapshot(conduct, instance, 'safety'))[0]?.backupId : undefined;

  conduct.enter('detach');
  await detachArchiver(conduct, instance);
  const before = await conduct.act('readLiveSettings', { plan }, at(`note the settings of ${instance} that the load changes`));
  conduct.enter('load');
  const { logBytes } = staged;
  if (logBytes !== undefined && safety !== undefined)
    await conduct.undoLater({
      step: 'loadSafetyBack',
      args: { plan, before, logBytes, safetyBackupId: safety, operationId },
      when: 'unlessSucceeded',
      place,
      summary: `load safety snapshot ${safety} back if only a part of the log was applied`,
    });
  await conduct.undoLater({
    step: 'putBackLive',
    args: { instance, before },
    when: 'always',
    interrupts: true,
    summary: `make ${instance} a primary again, with its settings`,
  });
  const loaded = await conduct.act(
    'loadLive',
    { plan, before },
    at(`${instance} follows the worker: reads are served, writes refused`),
  );

  try {
    return await proveLive(conduct, restore, { staged, loaded, safety });
  } catch (error) {
    if (!isCancellation(error)) throw error;
    throw failure(
      'CANCELLED',
      `the restore of ${instance} was cancelled when ${instance} had the restored data already: that stands there now, and was not proved`,
      safety
        ? `Keep it, or bring back what was there: \`redis-backup restore ${instance} ${safety} --strategy live\`.`
        : 'Keep it, or restore another backup.',
    );
  }
}

/** From the promotion on the new data stands there, whatever fails. */
async function proveLive(
  conduct: RestoreConduct,
  restore: PlannedRestore,
  { staged, loaded, safety }: Promoted,
): Promise<RestoreReport> {
  const { plan, place } = restore;
  const { instance } = plan;
  const at = (summary: string) => ({ place, summary, serving: instance });
  conduct.enter('count');
  const counts = await conduct.act(
    'verifyLive',
    { plan, staged, loaded },
    at('prove that every key and every byte of the log arrived'),
  );
  conduct.enter('persist');
  const { persisted } = await conduct.act(
    'awaitOwnPersistence',
    { instance, runId: loaded.runId },
    at(`wait until ${instance} has the new data in its own files`),
  );
  const { applications, warnings } = await seeApplications(conduct, restore, 0);
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
