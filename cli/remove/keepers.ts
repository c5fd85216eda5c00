import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowExecutionDescription } from '@temporalio/client';
import { formatTarget, TARGET, type Target } from '../../model/deployment.ts';
import { RecoveryError } from '../../model/errors.ts';
import { QUEUES } from '../../model/operations.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import { pollersOf, pollerView, QUEUE_TYPE } from '../../worker/pollers.ts';
import { newestRun } from '../operations/newest-run.ts';
import { describeSchedule, orphanedSchedules } from '../schedules/ensure.ts';
import { SCHEDULE_PREFIX, scheduleIdOf } from '../schedules/wanted.ts';
import type { TemporalSession } from '../temporal.ts';

/** What goes on for ever for one instance. */
export interface Keeper {
  kind: 'schedule' | 'archive' | 'watcher';
  id: string;
  /** Whom it is for, in words, where it says so. */
  for?: string;
}

/** What became of one. `ending`: Temporal has the request, and no worker has answered it yet. */
export interface StoppedKeeper extends Keeper {
  state: 'ended' | 'ending';
}

/** A worker answers a cancellation in seconds. */
const ENDS_WITHIN_MS = 10_000;
const POLL_MS = 250;

/** The schedule, the archivers and the watchers of an instance, as far as there are any; it need not be configured any more. */
export async function keepersOf(session: TemporalSession, instance: string): Promise<Keeper[]> {
  const scheduleId = scheduleIdOf(instance, session.deployment);
  const keepers: Keeper[] = (await describeSchedule(session, scheduleId)) ? [{ kind: 'schedule', id: scheduleId }] : [];
  const ofEach = (redis: string) => [['archive', WORKFLOW_IDS.archive(redis)], ['watcher', WORKFLOW_IDS.watch(redis)]] as const; // biome-ignore format: one line
  for (const [kind, name] of (await redisesOf(session, instance)).flatMap(ofEach)) {
    const run = await runOf(session, instance, name);
    if (run?.status.name !== 'RUNNING') continue;
    const target = run.memo?.[TARGET] as Target | undefined;
    keepers.push({ kind, id: session.named(name), ...(target ? { for: formatTarget(target) } : {}) });
  }
  return keepers;
}

/** What people call its Redis. Of several, those that something goes on for: it need not be configured any more. */
async function redisesOf(session: TemporalSession, instance: string): Promise<string[]> {
  const kept = await keptRedises(session);
  return [instance, ...kept.filter((redis) => redis.startsWith(`${instance}/`))];
}

/** Whatever an archiver or a watcher of this deployment runs for. */
async function keptRedises(session: TemporalSession): Promise<string[]> {
  const query = "WorkflowType IN ('archiveContinuously', 'watchRedis') AND ExecutionStatus = 'Running'";
  const found = new Set<string>();
  for await (const { workflowId } of session.client.workflow.list({ query })) {
    const redis = workflowId.slice(workflowId.indexOf('/') + 1);
    if ([WORKFLOW_IDS.archive(redis), WORKFLOW_IDS.watch(redis)].map(session.named).includes(workflowId)) found.add(redis);
  }
  return [...found].sort();
}

const OPERATIONS = [WORKFLOW_IDS.backup, WORKFLOW_IDS.backupAof, WORKFLOW_IDS.restore, WORKFLOW_IDS.recover, WORKFLOW_IDS.lock];

/** Whether Temporal knows any run of it, also one that has ended. */
export async function hasEverRun(session: TemporalSession, instance: string): Promise<boolean> {
  for (const name of [WORKFLOW_IDS.archive, WORKFLOW_IDS.watch, ...OPERATIONS])
    if (await runOf(session, instance, name(instance))) return true;
  return false;
}

/** Operations that run, which go on: they end by themselves. */
export async function operationsOf(session: TemporalSession, instance: string): Promise<string[]> {
  const running: string[] = [];
  const ids = (await redisesOf(session, instance)).flatMap((redis) => OPERATIONS.map((idOf) => idOf(redis)));
  for (const id of ids) {
    const run = await runOf(session, instance, id);
    if (run?.status.name === 'RUNNING') running.push(session.named(id));
  }
  return running;
}

/** Deletes the schedule, and lets archiver and watcher come to rest. Safe to repeat. */
export async function stopKeeper(session: TemporalSession, keeper: Keeper): Promise<StoppedKeeper> {
  if (keeper.kind === 'schedule') {
    await session.client.schedule.getHandle(keeper.id).delete();
    return { ...keeper, state: 'ended' };
  }
  const handle = session.client.workflow.getHandle(keeper.id);
  await handle.cancel();
  const deadlineMs = Date.now() + ENDS_WITHIN_MS;
  while (Date.now() < deadlineMs) {
    if ((await handle.describe()).status.name !== 'RUNNING') return { ...keeper, state: 'ended' };
    await sleep(POLL_MS);
  }
  return { ...keeper, state: 'ending' };
}

/**
 * What goes on for an instance may be another configuration's that shares the namespace: then its worker lives, and has it.
 * @throws RecoveryError `DEPLOYMENT_DIFFERS`
 */
export async function requireNobodyElses(session: TemporalSession, instance: string): Promise<void> {
  const target = session.targetOf(instance);
  for (const worker of await workersOf(session)) {
    const has = worker.instances.find((one) => one.instance === instance);
    if (!has || (target && pollerView(worker, target)?.same)) continue;
    throw new RecoveryError(
      'DEPLOYMENT_DIFFERS',
      `worker ${worker.name} on ${worker.machine} has ${instance}, at ${has.address}, in its configuration, which is not this one: nothing of it was ended`,
      {
        next: `Run it with the configuration of that worker. If ${instance} was taken out of that: a worker takes a changed file over within 10 s, or its log says why not.`,
      },
    );
  }
}

const workersOf = ({ connection, namespace, named }: TemporalSession) =>
  pollersOf(connection, namespace, named(QUEUES.ops), QUEUE_TYPE.workflow, Date.now());

/** Instances that something goes on for, and that neither this configuration nor that of a living worker has. */
export async function forgottenInstances(session: TemporalSession, instances: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  const prefix = session.named(SCHEDULE_PREFIX);
  for (const id of await orphanedSchedules(session, instances)) found.add(id.slice(prefix.length));
  for (const redis of await keptRedises(session)) {
    const [instance = ''] = redis.split('/');
    if (!instances.includes(instance)) found.add(instance);
  }
  const had = new Set((await workersOf(session)).flatMap((worker) => worker.instances.map((one) => one.instance)));
  return [...found].filter((name) => !had.has(name)).sort();
}

const runOf = (session: TemporalSession, instance: string, name: string): Promise<WorkflowExecutionDescription | undefined> =>
  newestRun(session.client.workflow.getHandle(session.named(name)), session.targetOf(instance));
