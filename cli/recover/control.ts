import type { WorkflowHandle } from '@temporalio/client';
import { hasCode, RecoveryError } from '../../model/errors.ts';
import type { NamedShard } from '../../model/shard.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import { isAway, unreachable } from '../../worker/temporal-errors.ts';
import { type CommandContext, type Given, optionOf } from '../command.ts';
import { askWithin } from '../operations/ask.ts';
import { newestRun } from '../operations/newest-run.ts';
import type { TemporalSession } from '../temporal.ts';

/** Whom it is told, and in words. */
export interface Told {
  workflowId: string;
  /** `recovery` or `watcher`. */
  what: string;
  /** The command that shows it. */
  look: string;
  /** The command that starts one. */
  start: string;
}

/** One update of a running recovery, as `temporal workflow update execute` sends it. */
export interface ControlMessage {
  name: string;
  message: object;
}

/** What was asked for, if anything; one at a time. @throws RecoveryError `USAGE` */
export function controlMessageOf(given: Given, by: string): ControlMessage | undefined {
  const of = (option: string, name: string, message: (value: string) => object): ControlMessage[] => {
    const value = optionOf(given, option);
    return value === undefined ? [] : [{ name, message: { by, ...message(value) } }];
  };
  const reason = 'on the command line';
  const controls = [
    ...of('approve', 'approve', (plan) => ({ plan })),
    ...of('decline', 'approve', (plan) => ({ plan, decline: true })),
    ...of('hold', 'hold', (why) => ({ reason: why })),
    ...of('resume', 'resume', (why) => ({ reason: why })),
    ...of('abort', 'abort', (why) => ({ reason: why })),
    ...of('skip', 'skipStep', (step) => ({ step, reason })),
    ...of('extend', 'extendMonitoring', (minutes) => ({ minutes: Number(minutes), reason })),
  ];
  if (controls.length > 1) {
    throw new RecoveryError('USAGE', 'a recovery is told one thing at a time', { next: 'Run the command once for each.' });
  }
  return controls[0];
}

/** Tells a running recovery, and prints what it answers. @throws RecoveryError `USAGE` when it refuses, or none runs; `PLACE_UNREACHABLE` without a worker */
export const controlRecovery = (
  context: Pick<CommandContext, 'temporal' | 'output'>,
  redis: NamedShard,
  control: ControlMessage,
): Promise<undefined> =>
  tell(context, redis, control, {
    ...{ workflowId: WORKFLOW_IDS.recover(redis.name), what: 'recovery' },
    ...{ look: `redis-backup recover ${redis.name} --watch`, start: `redis-backup recover ${redis.name}` },
  });

/** Answers the question of a watcher. @throws RecoveryError `USAGE` when it refuses, or none runs; `PLACE_UNREACHABLE` without a worker */
export const answerWatcher = (
  context: Pick<CommandContext, 'temporal' | 'output'>,
  redis: NamedShard,
  control: ControlMessage,
): Promise<undefined> =>
  tell(context, redis, control, {
    ...{ workflowId: WORKFLOW_IDS.watch(redis.name), what: 'watcher' },
    ...{ look: `redis-backup watch ${redis.name} --status`, start: `redis-backup watch ${redis.name}` },
  });

async function tell(
  { temporal, output }: Pick<CommandContext, 'temporal' | 'output'>,
  redis: NamedShard,
  { name, message }: ControlMessage,
  told: Told,
): Promise<undefined> {
  const session = await temporal();
  const workflowId = session.named(told.workflowId);
  const handle = session.client.workflow.getHandle(workflowId);
  const run = await newestRun(handle, session.targetOf(redis.instance));
  if (run?.status.name === 'RUNNING') await requireListener(session, handle, name);
  try {
    const answer = await handle.executeUpdate<string | { text: string }, [object]>(name, { args: [message] });
    output.result({ workflowId, update: name, answer }, typeof answer === 'string' ? answer : answer.text);
    return undefined;
  } catch (error) {
    if (isAway(error)) throw unreachable(session.address, error);
    throw refusal(redis.name, name, told, error);
  }
}

/** Asked first: Temporal would keep what is told for a worker that comes, and nobody could tell whether it was told. */
async function requireListener(session: TemporalSession, handle: WorkflowHandle, name: string): Promise<void> {
  const { workflowId } = handle;
  await askWithin(session, handle, 'status').catch((error: unknown) => {
    if (!hasCode(error, 'PLACE_UNREACHABLE')) return; // the update itself says it
    throw new RecoveryError('PLACE_UNREACHABLE', `${name} was not sent: no worker answers for ${workflowId}`, {
      next: `Start \`redis-backup worker\`, as a service, and run this again. To end it, Temporal keeps a cancel for a worker that comes: \`${session.commandLine(`workflow cancel --workflow-id ${workflowId}`)}\`.`,
    });
  });
}

function refusal(redis: string, name: string, { what, look, start }: Told, error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (/not found|already completed/i.test(error.message)) {
    return new RecoveryError('USAGE', `no ${what} of ${redis} runs`, { next: `Start one: ${start}.` });
  }
  const { cause } = error as { cause?: { message?: string; details?: { next?: string }[] } };
  if (!cause?.message) return error;
  const next = cause.details?.[0]?.next ?? `Look at it: ${look}.`;
  return new RecoveryError('USAGE', `${name} was refused: ${cause.message}`, { next });
}
