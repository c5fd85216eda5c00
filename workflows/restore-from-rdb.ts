import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import type { OperationName, Phase, RestoreInput, RestoreResult } from '../model/operations.ts';
import { WORKFLOW_IDS } from '../model/operations.ts';
import { failure } from './failures.ts';
import { CHECKS, checkInput } from './inputs.ts';
import { inOwnDeployment } from './own-deployment.ts';
import type { AskedPerson, PlanConduct } from './procedures/conduct.ts';
import { loadLive, planLiveLoad } from './procedures/load-live.ts';
import { planReplacement, replaceFromRdb } from './procedures/replace-from-rdb.ts';
import { RestoreQuestion } from './restore-question.ts';
import { act } from './steps.ts';
import { cancelHint, Watching } from './watching.ts';
import { withInstanceLock } from './with-instance-lock.ts';

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
  const afterwards: PlanConduct['afterwards'] = (...step) => void atTheEnd.push(() => act(...step));
  try {
    return await planAndRestore(input, { act, enter, undoLater, afterwards }, ask);
  } finally {
    // Of a machine that is gone meanwhile, the next rehearsal there sweeps it.
    for (const step of atTheEnd) await CancellationScope.nonCancellable(step).catch(() => undefined);
  }
}

async function planAndRestore(input: RestoreInput, conduct: PlanConduct, ask: AskedPerson): Promise<RestoreResult> {
  const { instance } = input;
  const { enter } = conduct;
  const live = input.strategy === 'live';
  const planned = await (live ? planLiveLoad : planReplacement)(conduct, input);
  const { plan, digest } = planned;
  if (input.planOnly) return { outcome: 'planned', instance, digest, plan };
  await act('approveRestore', planned, { summary: `check that plan ${digest} may be carried out` });
  enter('wait for the lock');
  const isDown = live || plan.serverRunId !== undefined ? {} : { interrupts: true as const };
  const options = { instance, kind: 'restore', waitSeconds: LOCK_WAIT_SECONDS, ...isDown } as const;
  const report = await withInstanceLock(options, (held) =>
    (live ? loadLive : replaceFromRdb)({ act, enter, ask, undoLater: held.undoLater }, planned, workflowInfo().runId),
  );
  if (report.outcome === 'restored') return report;
  throw failure(
    'LOCKED',
    `${instance} was locked for too long: ${report.because}`,
    `Look at ${inOwnDeployment(WORKFLOW_IDS.lock(instance))}, then start again.`,
  );
}
