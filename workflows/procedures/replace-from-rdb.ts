import type { PutBackInput } from '../../activities/put-back.ts';
import { liveDisturbances } from '../../model/live.ts';
import type { UndoEntry } from '../../model/lock.ts';
import type { RestoreInput, RestoreReport } from '../../model/operations.ts';
import type { PlannedLog } from '../../model/plan.ts';
import { momentWarnings } from '../../model/plan-loss.ts';
import { shortfall } from '../../model/stands-check.ts';
import type { PlanConduct, PlannedRestore, RestoreConduct, StepResult } from './conduct.ts';
import { detachArchiver } from './detach-archiver.ts';
import { planRehearsed } from './rehearse.ts';
import { seeApplications } from './see-applications.ts';
import { takeSnapshot } from './take-snapshot.ts';

/** Looks at the target and the repository and says what a restore would do. Read-only but for a pin. */
export async function planReplacement(conduct: PlanConduct, input: RestoreInput): Promise<PlannedRestore> {
  const { instance } = input;
  conduct.enter('plan');
  const { queue: place } = await conduct.act('openPlace', { instance }, { summary: `find the machine of ${instance}` });
  const look = async () => ({
    target: await conduct.act('surveyTarget', { instance }, { place, summary: `look at ${instance} and its data directory` }),
  });
  const what = input.until ?? input.aofBackup ?? input.backupId ?? 'the newest backup';
  const summary = `plan the restore of ${what} and what it loses`;
  const planned = await planRehearsed(conduct, { input, place, summary, look });
  return { ...planned, input, place };
}

/**
 * Restores one snapshot by the classic procedure, under a lock that the caller holds: stop, replace, start, verify.
 * The backup is downloaded and verified while Redis still serves, so that it is down only for the renames and its own load.
 * However this ends, the lock puts back what must be put back.
 */
export async function replaceFromRdb(
  conduct: RestoreConduct,
  restore: PlannedRestore,
  operationId: string,
): Promise<RestoreReport> {
  const { plan, place } = restore;
  const { instance } = plan;
  const at = (summary: string) => ({ place, summary });
  const undo = (step: UndoEntry['step'], summary: string, more: Pick<UndoEntry, 'interrupts'> = {}): Promise<void> => {
    const args: PutBackInput = { plan, operationId };
    return conduct.undoLater({ step, args, when: 'unlessSucceeded', place, summary, ...more });
  };

  conduct.enter('download');
  await undo('discardStaged', 'delete what was downloaded');
  const staged = await conduct.act('stageBackup', { plan }, at(`download and verify ${plan.backupId}; ${instance} still serves`));

  const safety = await takeSafetySnapshot(conduct, restore);

  conduct.enter('stop');
  await detachArchiver(conduct, instance);
  await undo('putBackServer', `start ${instance} and wait until it serves`, { interrupts: true });
  const stoppedAtMs = Date.now();
  await conduct.act('stopServer', { plan }, at(`stop ${instance}`));

  conduct.enter('replace');
  await undo('putBackData', `put the old data of ${instance} back`);
  await conduct.act('replaceData', { plan }, at(`move the old data aside, put ${plan.backupId} in its place`));

  conduct.enter('start');
  const { beforeMs } = await conduct.act('startServer', { plan }, at(`start ${instance}`));
  conduct.enter('load');
  const serving = await conduct.act('awaitServing', { instance }, at(`wait until ${instance} has loaded its data`));
  const outage = plan.serverRunId
    ? { downtimeSeconds: (Date.now() - stoppedAtMs) / 1000 }
    : { downtimeSeconds: Math.max(0, (serving.servedAtMs - beforeMs) / 1000), wasDown: true as const };

  conduct.enter('count');
  const proof = { ...at('prove that every key is back'), serving: instance };
  const counts = await conduct.act('verifyCounts', { plan, staged, serving, beforeMs }, proof);
  const { applications, warnings } = await seeApplications(conduct, restore, beforeMs);
  conduct.enter('finish');
  const aside = await conduct.act('finishRestore', { plan }, at('mark the restore as proved'));

  return reportFrom(restore, {
    counts,
    applications,
    warnings,
    ...outage,
    ...(safety ? { safetyBackupId: safety } : {}),
    ...aside,
  });
}

type Found = Pick<
  RestoreReport,
  'applications' | 'warnings' | 'downtimeSeconds' | 'wasDown' | 'safetyBackupId' | 'keptAside' | 'removedAside' | 'live'
> & {
  counts: StepResult<'verifyCounts'>;
};

/** What a restore did, lost and proved. */
export function reportFrom({ plan, input }: PlannedRestore, { counts, warnings, ...found }: Found): RestoreReport {
  const { keysExpected, keysFound, keysLoaded, keysExpired, keysAfter, exact, message: proof } = counts;
  return {
    outcome: 'restored',
    instance: plan.instance,
    backupId: plan.backupId,
    takenAt: plan.takenAt,
    ...(plan.log ? { log: reportOf(plan.log) } : {}),
    strategy: input.strategy,
    keysExpected,
    keysFound,
    keysLoaded,
    keysExpired,
    keysAlive: keysAfter.keys,
    keysAfter,
    exact,
    proof,
    losses: plan.losses,
    warnings: [
      ...liveDisturbances(plan.instance, found.live),
      ...warnings,
      ...shortfall(keysAfter),
      ...momentWarnings(plan),
      ...plan.warnings,
    ],
    ...found,
  };
}

function reportOf({ untilMs, ranges, bytes }: PlannedLog): NonNullable<RestoreReport['log']> {
  const last = ranges.at(-1);
  const place = last ? { timelineId: last.timelineId, offset: last.to } : {};
  return { until: new Date(untilMs).toISOString(), ...place, bytes };
}

async function takeSafetySnapshot(conduct: RestoreConduct, { plan }: PlannedRestore): Promise<string | undefined> {
  if (!plan.safetySnapshot.taken) return undefined;
  const [snapshot] = await takeSnapshot(conduct, plan.instance, 'safety');
  return snapshot?.backupId;
}
