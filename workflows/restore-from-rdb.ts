import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import type { OperationName, Phase, RestoreInput, RestoreReport, RestoreResult } from '../model/operations.ts';
import { WORKFLOW_IDS } from '../model/workflow-ids.ts';
import { failure } from './failures.ts';
import { CHECKS, checkInput } from './inputs.ts';
import { withInstanceLock } from './lock/with-instance-lock.ts';
import { cancelHint, Watching } from './operation-status.ts';
import { inOwnDeployment } from './own-deployment.ts';
import { loadLive, planLiveLoad } from './procedures/load-live.ts';
import { planReplacement, replaceFromRdb } from './procedures/replace-from-rdb.ts';
import type { AskedPerson, PlannedRestore, PlanRunner, RestoreRunner } from './procedures/step-runner.ts';
import { RestoreQuestion } from './restore-question.ts';
import { closeLookedAt, closePlacement } from './steps/placements.ts';
import { runStep } from './steps/run-step.ts';

/** A backup that holds the lock is cancelled; it then needs a moment to put back what it set. */
const LOCK_WAIT_SECONDS = 3600;

/** Restores one snapshot: plan, then, if the plan allows it, everything under the lock. A second restore is refused. */
export async function restoreFromRdb(input: RestoreInput): Promise<RestoreResult> {
  checkInput(
    'restoreFromRdb',
    input,
    { instance: CHECKS.instance, backupId: CHECKS.backupId, strategy: CHECKS.strategy },
    COMMON_CHECKS,
  );
  const watching = new Watching(input.instance, operationOf(input, 'restore-rdb'), cancelHint());
  const { ask } = new RestoreQuestion(watching);
  return watching.run(() => restore(input, (phase) => watching.enter(phase), ask));
}

/**
 * Restores a snapshot and replays the continuous log over it, up to a moment: `latest`, a time, or an offset; or a copy of the
 * server's own log, whole.
 */
export async function restoreFromAof(input: RestoreInput): Promise<RestoreResult> {
  checkInput(
    'restoreFromAof',
    input,
    { instance: CHECKS.instance, strategy: CHECKS.strategy },
    { ...COMMON_CHECKS, backupId: CHECKS.backupId, until: CHECKS.until, aofBackup: CHECKS.backupId },
  );
  if ((input.until === undefined) === (input.aofBackup === undefined)) throw neither();
  const watching = new Watching(input.instance, operationOf(input, 'restore-aof'), cancelHint());
  const { ask } = new RestoreQuestion(watching);
  return watching.run(() => restore(input, (phase) => watching.enter(phase), ask));
}

const operationOf = ({ strategy }: RestoreInput, otherwise: OperationName): OperationName =>
  strategy === 'live' ? 'restore-live' : otherwise;

const neither = () =>
  failure(
    'INPUT_INVALID',
    'the input of restoreFromAof is not usable: it must have "until" or "aofBackup", and not both',
    'Give "until": "latest" for the continuous log, or "aofBackup" with an id for a copy of the own log of a server.',
  );

const COMMON_CHECKS = {
  shard: CHECKS.shard,
  plan: CHECKS.text,
  planOnly: CHECKS.flag,
  skipSafetySnapshot: CHECKS.flag,
  fromAnother: CHECKS.flag,
  intoAnother: CHECKS.flag,
  noRehearsal: CHECKS.flag,
  acceptLoss: CHECKS.text,
  allowUnparsed: CHECKS.flag,
  askForMs: CHECKS.milliseconds,
} as const;

async function restore(input: RestoreInput, enter: (phase: Phase) => void, ask: AskedPerson): Promise<RestoreResult> {
  const atTheEnd: (() => Promise<unknown>)[] = [];
  const undoLater = () => Promise.reject(failure('INTERNAL', 'a plan changes nothing', 'Report it.'));
  const afterwards: PlanRunner['afterwards'] = (...step) => void atTheEnd.push(() => runStep(...step));
  try {
    return await planAndRestore(input, { runStep, close: closePlacement, enter, undoLater, afterwards }, ask);
  } finally {
    // Of a machine that is gone meanwhile, the next rehearsal there sweeps it.
    for (const step of atTheEnd) await CancellationScope.nonCancellable(step).catch(() => undefined);
    await CancellationScope.nonCancellable(() => closeLookedAt(input.instance));
  }
}

async function planAndRestore(input: RestoreInput, runner: PlanRunner, ask: AskedPerson): Promise<RestoreResult> {
  const { instance } = input;
  const { enter } = runner;
  const way = input.strategy === 'live' ? await planLive(runner, input) : await planReplace(runner, input);
  const { planned, carryOut } = way;
  const { plan, digest } = planned;
  if (input.planOnly) return { outcome: 'planned', instance, digest, plan };
  await runStep('approveRestore', planned, { summary: `check that plan ${digest} may be carried out` });
  enter('wait for the lock');
  const isDown = input.strategy === 'live' || plan.serverRunId !== undefined ? {} : { interrupts: true as const };
  const options = { instance, kind: 'restore', waitSeconds: LOCK_WAIT_SECONDS, ...isDown } as const;
  const report = await withInstanceLock(options, (held) =>
    carryOut({ runStep, close: closePlacement, enter, ask, undoLater: held.undoLater }, workflowInfo().runId),
  );
  if (report.outcome === 'restored') return report;
  throw failure(
    'LOCKED',
    `${instance} was locked for too long: ${report.because}`,
    `Look at ${inOwnDeployment(WORKFLOW_IDS.lock(instance))}, then start again.`,
  );
}

interface Way {
  planned: PlannedRestore;
  carryOut(runner: RestoreRunner, operationId: string): Promise<RestoreReport>;
}

async function planLive(runner: PlanRunner, input: RestoreInput): Promise<Way> {
  const planned = await planLiveLoad(runner, input);
  return { planned, carryOut: (locked, operationId) => loadLive(locked, planned, operationId) };
}

async function planReplace(runner: PlanRunner, input: RestoreInput): Promise<Way> {
  const planned = await planReplacement(runner, input);
  return { planned, carryOut: (locked, operationId) => replaceFromRdb(locked, planned, operationId) };
}
