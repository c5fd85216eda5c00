import { DefaultLogger, type LogEntry, Runtime } from '@temporalio/worker';
import { unnamed } from '../model/deployment.ts';

/** Fields of the SDK's log entries that say which operation a line belongs to. */
const CONTEXT = [
  'workflowId',
  'runId',
  'workflowType',
  'activityType',
  'attempt',
  'taskQueue',
  'code',
  'error',
  'state',
] as const;

/**
 * Warnings that healthy workers give: only one of our queues has workflows, the heap of a worker is small by its flags, and the
 * beat of a step that has ended meanwhile has nobody who takes it.
 */
const OF_NO_ACCOUNT =
  /^(No (workflows|Nexus services) registered|This program is running inside a containerized environment|Activity heartbeat failed)/;

/** Logs as JSON lines on stderr. Call once, before any connection. */
export function installRuntime(level: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' = 'INFO'): void {
  const logger = new DefaultLogger(level, (entry) => {
    if (!OF_NO_ACCOUNT.test(entry.message)) process.stderr.write(`${JSON.stringify(lineOf(entry))}\n`);
  });
  Runtime.install({ logger, telemetryOptions: { logging: { forward: {}, filter: 'WARN' } } });
}

/**
 * It collects logs as long as it lives, and so keeps the process alive. Nothing happens where it has ended with the last
 * worker.
 */
export async function endRuntime(): Promise<void> {
  await Runtime._instance?.shutdown();
}

export function lineOf({ level, timestampNanos, message, meta }: LogEntry): Record<string, unknown> {
  const { workflowId, activityType: step, ...rest } = (meta ?? {}) as Record<string, unknown>;
  const known = Object.fromEntries(CONTEXT.filter((name) => name in rest).map((name) => [name, textOf(rest[name])]));
  const [operation, instance] = typeof workflowId === 'string' ? unnamed(workflowId).split('/') : [];
  const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
  return { time, level, message, ...(operation ? { operation, instance } : {}), ...(step ? { step } : {}), ...known };
}

const textOf = (value: unknown): unknown => (value instanceof Error ? value.message : value);
