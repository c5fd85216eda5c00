import type { RestoreInput, RestoreReport } from '../../model/operations.ts';
import { controlOf, filesOf } from '../../model/placement.ts';
import { liveDisturbances } from '../../model/restore/plan/live.ts';
import { momentWarnings } from '../../model/restore/plan/loss.ts';
import type { PlannedLog } from '../../model/restore/plan/plan.ts';
import { shortfall } from '../../model/restore/stands-check.ts';
import { askedIn, shardIn } from '../../model/shard.ts';
import type { StepResult } from '../steps/step-table.ts';
import { detachArchiver } from './detach-archiver.ts';
import { planRehearsed } from './rehearse.ts';
import { seeApplications } from './see-applications.ts';
import type { PlannedRestore, PlanRunner, RestoreRunner } from './step-runner.ts';
import { takeSnapshot } from './take-snapshot.ts';

/** Looks at the target and the repository and says what a restore would do. Read-only but for a pin. */
export async function planReplacement(runner: PlanRunner, input: RestoreInput): Promise<PlannedRestore> {
  runner.enter('plan');
  const of = await runner.runStep('whichShard', askedIn(input), { summary: `which Redis ${input.instance} is` });
  const look = async () => {
    const summary = `look at ${of.name}, and what runs it`;
    const server = await runner.runStep('surveyTarget', of, { at: controlOf(of), summary });
    const { layout } = server;
    const disk = await runner.runStep(
      'surveyFiles',
      { ...of, layout },
      { at: filesOf(of), summary: `look at the data directory of ${of.name}` },
    );
    return { target: { ...server, disk } };
  };
  const what = input.until ?? input.aofBackup ?? input.backupId ?? 'the newest backup';
  const summary = `plan the restore of ${what} and what it loses`;
  const planned = await planRehearsed(runner, { of, input, at: filesOf(of), summary, look });
  return { ...planned, input };
}

/**
 * Restores one snapshot by the classic procedure, under a lock that the caller holds: stop, replace, start, verify.
 * The backup is downloaded and verified while Redis still serves, so that it is down only for the renames and its own load.
 * However this ends, the lock puts back what must be put back.
 */
export async function replaceFromRdb(
  runner: RestoreRunner,
  restore: PlannedRestore,
  operationId: string,
): Promise<RestoreReport> {
  const { plan } = restore;
  const of = shardIn(plan);
  const { name } = of;
  const byControl = (summary: string) => ({ at: controlOf(plan), summary });
  const inFiles = (summary: string) => ({ at: filesOf(plan), summary });
  const undo = (entry: 'discardStaged' | 'putBackData', summary: string): Promise<void> =>
    runner.undoLater({ undo: entry, args: { plan, operationId }, when: 'unlessSucceeded', summary });
  const leave = { args: of, when: 'always', summary: `leave the data directory of ${name}` } as const;
  await runner.undoLater({ undo: 'closeFiles', ...leave });

  runner.enter('download');
  await undo('discardStaged', 'delete what was downloaded');
  const staged = await runner.runStep(
    'stageBackup',
    { plan },
    inFiles(`download and verify ${plan.backupId}; ${name} still serves`),
  );

  const safety = await takeSafetySnapshot(runner, restore);

  runner.enter('stop');
  await detachArchiver(runner, of);
  await runner.runStep('requireRoom', { plan }, inFiles('see whether there is room for what comes next'));
  const { keys } = await runner.runStep('readyToStop', { plan }, byControl(`see that ${name} would start again as it is`));
  await runner.undoLater({
    undo: 'putBackServer',
    args: { plan, operationId, ...(keys ? { keys } : {}) },
    when: 'unlessSucceeded',
    summary: `start ${name} and wait until it serves`,
    interrupts: true,
  });
  const stoppedAtMs = Date.now();
  await runner.runStep('stopServer', { plan }, byControl(`stop ${name}`));

  runner.enter('replace');
  await undo('putBackData', `put the old data of ${name} back`);
  const before = `its data in ${plan.layout.dir} was replaced`;
  await runner.runStep('requireStopped', { ...of, before }, byControl(`see that ${name} stays stopped`));
  await runner.runStep('replaceData', { plan }, inFiles(`move the old data aside, put ${plan.backupId} in its place`));

  runner.enter('start');
  await runner.close(filesOf(plan));
  const { beforeMs } = await runner.runStep('startServer', { plan }, byControl(`start ${name}`));
  runner.enter('load');
  const serving = await runner.runStep('awaitServing', of, byControl(`wait until ${name} has loaded its data`));
  const outage = plan.serverRunId
    ? { downtimeSeconds: (Date.now() - stoppedAtMs) / 1000 }
    : { downtimeSeconds: Math.max(0, (serving.servedAtMs - beforeMs) / 1000), wasDown: true as const };

  runner.enter('count');
  const counts = await runner.runStep(
    'verifyCounts',
    { plan, staged, serving, beforeMs },
    { ...byControl('prove that every key is back'), serving: name },
  );
  const { applications, warnings } = await seeApplications(runner, restore, { at: controlOf(plan), sinceMs: beforeMs });
  runner.enter('finish');
  const aside = await runner.runStep('finishRestore', { plan }, inFiles('mark the restore as proved'));

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
    instance: plan.name,
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
      ...liveDisturbances(plan.name, found.live),
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

async function takeSafetySnapshot(runner: RestoreRunner, { plan }: PlannedRestore): Promise<string | undefined> {
  if (!plan.safetySnapshot.taken) return undefined;
  return (await takeSnapshot(runner, shardIn(plan), 'safety')).backupId;
}
