import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { killAtTheEnd } from '../processes.ts';
import { startTemporal, type TemporalServer } from '../temporal.ts';
import type { StormEvent } from './activities.ts';
import type { StormInput, stormOperation } from './workflows.ts';

/** A Temporal server, a worker process that can be killed, and the trace of what it changed. */
export class Storm {
  readonly temporal: TemporalServer;
  readonly client: Client;
  readonly #dir = mkdtempSync(join(tmpdir(), 'redis-backup-storm-'));
  #worker: ChildProcess | undefined;

  private constructor(temporal: TemporalServer, client: Client) {
    this.temporal = temporal;
    this.client = client;
    writeFileSync(this.#trace, '');
  }

  static async open(): Promise<Storm> {
    const temporal = await startTemporal();
    const storm = new Storm(temporal, await temporal.client());
    await storm.startWorker();
    return storm;
  }

  get #trace(): string {
    return join(this.#dir, 'trace.jsonl');
  }

  events(instance: string): StormEvent[] {
    const lines = readFileSync(this.#trace, 'utf8').split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line) as StormEvent).filter((event) => event.instance === instance);
  }

  async startWorker(): Promise<void> {
    const script = fileURLToPath(new URL('worker.ts', import.meta.url));
    const worker = spawn(process.execPath, [script, this.temporal.address, this.#trace], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#worker = killAtTheEnd(worker);
    await new Promise<void>((resolve, reject) => {
      worker.stdout.once('data', () => resolve());
      worker.once('exit', (code) => reject(new Error(`the storm's worker ended with ${code}`)));
    });
  }

  async killWorker(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    worker.kill('SIGKILL');
    await gone;
  }

  start(workflowId: string, input: StormInput, timeoutSeconds?: number): Promise<WorkflowHandle<typeof stormOperation>> {
    return this.client.workflow.start<typeof stormOperation>('stormOperation', {
      workflowId,
      taskQueue: 'redis-ops',
      args: [input],
      ...(timeoutSeconds ? { workflowExecutionTimeout: `${timeoutSeconds} seconds` } : {}),
    });
  }

  /** What the Web UI's Reset button does: back to just after an earlier workflow task. */
  async reset(workflowId: string, choose: (taskEventIds: number[]) => number | undefined): Promise<boolean> {
    const history = await this.client.workflow.getHandle(workflowId).fetchHistory();
    const tasks = (history.events ?? [])
      .filter((event) => event.workflowTaskCompletedEventAttributes)
      .map((event) => Number(event.eventId));
    const at = choose(tasks);
    if (at === undefined) return false;
    await this.client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId },
      reason: 'storm',
      workflowTaskFinishEventId: at as never, // the type asks for Long, the wire takes a number
      requestId: crypto.randomUUID(),
    });
    return true;
  }

  /** Whether a run has told its lock that it succeeded: ended by force in the moment after that, nothing is to be undone. */
  async toldSuccess(workflowId: string, runId: string): Promise<boolean> {
    const { events = [] } = await this.client.workflow.getHandle(workflowId, runId).fetchHistory();
    return (events ?? [])
      .map((event) => event.signalExternalWorkflowExecutionInitiatedEventAttributes)
      .filter((signal) => signal?.signalName === 'release')
      .some((signal) => JSON.parse(Buffer.from(signal?.input?.payloads?.[0]?.data ?? '{}').toString()).succeeded === true);
  }

  async isLocked(instance: string): Promise<boolean> {
    const lock = await this.client.workflow
      .getHandle(`lock/${instance}`)
      .describe()
      .catch(() => undefined);
    return lock?.status.name === 'RUNNING';
  }

  async close(): Promise<void> {
    await this.killWorker();
    await this.temporal.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
