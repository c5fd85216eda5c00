import { ActivityFailure, workflowInfo } from '@temporalio/workflow';
import { formatBytes } from '../../model/format.ts';
import type { Action } from '../../model/recovery/actions.ts';
import { FAILURE_CLASSES } from '../../model/recovery/failure-classes.ts';
import type { Assessment } from '../../model/recovery/recovery.ts';
import { pointAt, type Successor } from '../../model/recovery/successor.ts';
import { reasonOf } from '../failures.ts';
import { keepAside, putBackUnfinished, rebuildManifest, startEmpty } from '../procedures/change-files.ts';
import { takeSnapshot } from '../procedures/take-snapshot.ts';
import { closePlacement } from '../steps/placements.ts';
import { runStep } from '../steps/run-step.ts';
import { type LockedRun, withinTime } from './run.ts';

/** How long a living server that is to be restarted is asked for its data. Availability comes first. */
const SNAPSHOT_LIMIT_MS = 10_000;

/** @returns what was done, in one sentence */
type Perform = (run: LockedRun, assessment: Assessment) => Promise<string>;

/** Each action that a recovery just does, once it is allowed. A restart may have to ask again, and what ends with one: restart.ts. */
export const ACTIONS: Readonly<Record<Exclude<Action, 'restart' | 'mend-log'>, Perform>> = {
  'await-load': async (_, { instance }) => `${instance} loads; it is let finish`,
  'network-snapshot': networkSnapshot,
  'detach-replicas': detachReplicas,
  'promote-replica': promoteReplica,
  'set-aside': setAside,

  async 'start-beside'({ found }, { instance, successor }) {
    const { address } = successor as Successor;
    found.beside.push(address);
    return `a person wants ${instance} started beside ${address}`;
  },

  async 'rebuild-manifest'(run, assessment) {
    const { files } = await rebuildManifest(RUNNER, inputOf(run, assessment));
    return `manifest made again for ${files.length} files`;
  },

  async 'put-back-data'(run, assessment) {
    const { operations } = await putBackUnfinished(RUNNER, inputOf(run, assessment));
    return `the data that ${operations.join(', ')} had moved away was put back`;
  },

  async 'start-empty'(run, assessment) {
    const { instance } = assessment;
    const { beforeMs } = await startEmpty(RUNNER, inputOf(run, assessment));
    run.found.startedMs = beforeMs;
    return `${instance} started empty`;
  },

  async 'make-primary'(run, { instance }) {
    await runStep('makePrimary', run.of, { summary: `let ${instance} accept writes` });
    return `${instance} is a primary again`;
  },

  async 'kill-script'(run, { instance }) {
    await runStep('killScript', run.of, { summary: `end the script that blocks ${instance}` });
    return 'the script was ended';
  },
};

export const inputOf = ({ of }: Pick<LockedRun, 'of'>, assessment: Assessment) => ({ ...of, assessment });

/** For procedures that change nothing else than what stands on the undo list already. */
export const RUNNER = { runStep, close: closePlacement };

export async function detachReplicas(run: LockedRun, assessment: Assessment): Promise<string> {
  const { found } = run;
  const { detached, failed } = await runStep('detachReplicas', inputOf(run, assessment), {
    summary: 'let replicas keep their data',
  });
  for (const { address, why } of failed) found.toDo.push(`Replica ${address} could not be told to keep its data: ${why}`);
  found.beside.push(...detached.map(({ address }) => address));
  if (detached.length > 0)
    found.toDo.push(
      `Replicas on their own now: ${listOf(detached)}. Let them follow again when ${assessment.instance} has all that they have: what it lacks they lose.`,
    );
  return detached.length > 0 ? `detached ${listOf(detached)}` : 'no replica had to be detached';
}

async function promoteReplica(run: LockedRun, assessment: Assessment): Promise<string> {
  const { found } = run;
  const { instance } = assessment;
  const summary = `let a replica of ${instance} take over`;
  const { address, keys, failed = [] } = await runStep('promoteReplica', inputOf(run, assessment), { summary });
  found.promoted = address;
  found.toDo.push(pointAt(instance, address));
  for (const other of failed) found.toDo.push(`Replica ${other.address} does not follow ${address}: ${other.why}`);
  return `${address} took over with ${keys} keys`;
}

async function setAside(run: LockedRun, assessment: Assessment): Promise<string> {
  const { failure } = assessment;
  await run.held.undoLater({
    undo: 'putBackAside',
    args: { ...run.of, operationId: workflowInfo().runId },
    when: 'unlessSucceeded',
    summary: 'put damaged files back, unless Redis has served without',
  });
  const { directory, bytes } = await keepAside(RUNNER, inputOf(run, assessment));
  run.found.keptAside = { directory, bytes };
  return `${FAILURE_CLASSES[failure].filesStay ? 'a copy of its files is' : 'damaged files are'} kept, ${formatBytes(bytes)}`;
}

/** What lives in memory only may be lost by the restart: with `appendonly no`, up to an hour. */
async function networkSnapshot(run: LockedRun): Promise<string> {
  const runner = { ...RUNNER, enter: () => undefined, undoLater: run.held.undoLater };
  try {
    const backup = await withinTime(SNAPSHOT_LIMIT_MS, 'a snapshot may take so long before the restart', () =>
      takeSnapshot(runner, run.of, 'safety'),
    );
    return backup ? `snapshot ${backup.backupId} taken first` : 'no snapshot first: it would have taken more than 10 s';
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return `no snapshot first: ${reasonOf(error)}`;
  }
}

const listOf = (all: readonly { address: string; keys: number }[]): string =>
  all.map(({ address, keys }) => `${address} (${keys} keys)`).join(', ');
