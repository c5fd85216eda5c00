import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { hostQueue, QUEUES } from '../../../model/operations.ts';
import type { Placement } from '../../../model/placement.ts';
import type { WatchSettings } from '../../../model/recovery/settings.ts';
import type {
  Alarm,
  SeenTwin,
  WatchAnswer,
  WatchNews,
  WatchSession,
  WatchStatus,
  WatchView,
  WitnessView,
} from '../../../model/watch/watch.ts';
import { raiseAlarm } from '../../../worker/alarms.ts';
import { operations } from '../../../worker/operations.ts';
import { workflowBundle } from '../../../worker/workflow-bundle.ts';
import { OF_NOBODY } from '../../support/of-nobody.ts';
import { startTemporal, type TemporalServer } from '../../support/temporal.ts';
import { until } from '../../support/until.ts';

export const FAILS: WitnessView = { verdict: 'fails', detail: 'connection refused' };
export const SERVES: WitnessView = { verdict: 'serves', detail: 'a primary that answers' };
export const UNKNOWN: WitnessView = { verdict: 'unknown', detail: 'nobody to ask' };

/** What the activities of one instance see, until the test says otherwise. */
export interface Scene {
  state: WatchNews['state'];
  worker: WitnessView;
  application: WitnessView;
  /** Absent: not configured. `nobody`: no worker polls its machine. */
  platform?: WitnessView | 'nobody';
  allFailing?: number;
  twins?: SeenTwin[];
  locked?: string;
  settings: WatchSettings;
}

const SETTINGS: WatchSettings = { mode: 'auto', everyMs: 50, afterMs: 200, coolDownMs: 600_000, mostPerHour: 3 };
const GLANCE_QUEUE = hostQueue('here');

/** A real Temporal with the real watcher, on a stage whose Redis is played. */
export class WatchStage {
  readonly temporal: TemporalServer;
  readonly client: Client;
  readonly started: string[] = [];
  readonly #scenes = new Map<string, Scene>();
  readonly #workers: Worker[] = [];
  #running: Promise<unknown> = Promise.resolve();
  #connection: NativeConnection | undefined;

  private constructor(temporal: TemporalServer, client: Client) {
    this.temporal = temporal;
    this.client = client;
  }

  static async open(): Promise<WatchStage> {
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
    const temporal = await startTemporal({ dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 60 } });
    const stage = new WatchStage(temporal, await temporal.client());
    await stage.#startWorkers();
    return stage;
  }

  async #startWorkers(): Promise<void> {
    const connection = await NativeConnection.connect({ address: this.temporal.address });
    this.#connection = connection;
    const bundle = await workflowBundle(fileURLToPath(new URL('watch-workflows.ts', import.meta.url)));
    const activities = {
      ...OF_NOBODY,
      whichShard: async ({ instance }: { instance: string }) => ({ instance, shard: '0', name: instance }),
      openPlacement: async ({ at }: { at: Placement }) => ({
        queue: this.scene(at.instance).platform === 'nobody' ? hostQueue('nobody') : GLANCE_QUEUE,
        isOwn: false,
      }),
      watchInstance: (stay: WatchSession) => this.#watch(stay),
      observeInstance: ({ instance }: { instance: string }) => this.#viewOf(instance),
      observeProcess: async ({ instance }: { instance: string }) => this.scene(instance).platform,
    };
    const common = {
      connection,
      activities,
      maxHeartbeatThrottleInterval: '50 milliseconds',
      shutdownForceTime: '1 second',
    } as const;
    const recoveryStarted = { fn: (_: unknown, instance: string) => void this.started.push(instance) };
    this.#workers.push(
      await Worker.create({ ...common, taskQueue: QUEUES.ops, workflowBundle: bundle, sinks: { watch: { recoveryStarted } } }),
      await Worker.create({ ...common, taskQueue: QUEUES.archive }),
      await Worker.create({ ...common, taskQueue: GLANCE_QUEUE }),
    );
    this.#running = Promise.all(this.#workers.map((worker) => worker.run()));
  }

  scene(instance: string): Scene {
    const scene = this.#scenes.get(instance);
    if (!scene) throw new Error(`no scene for ${instance}`);
    return scene;
  }

  play(instance: string, scene: Partial<Scene> = {}, settings: Partial<WatchSettings> = {}): void {
    const well = { state: 'serving', worker: SERVES, application: UNKNOWN } as const;
    this.#scenes.set(instance, { ...well, ...scene, settings: { ...SETTINGS, ...settings } });
  }

  /** Starts to watch, with a Redis that serves. */
  async watch(instance: string, scene: Partial<Scene> = {}, settings: Partial<WatchSettings> = {}): Promise<void> {
    this.play(instance, scene, settings);
    await this.client.workflow.start('watchRedis', {
      workflowId: `watch/${instance}`,
      taskQueue: QUEUES.ops,
      args: [{ instance }],
    });
    await until(async () => (await this.status(instance)).text !== 'It begins to look.', { what: `${instance} is watched` });
  }

  /** The Redis of the instance fails, as far as the worker sees. */
  fail(instance: string, change: Partial<Scene> = {}): void {
    Object.assign(this.scene(instance), { state: 'failing', worker: FAILS }, change);
  }

  mend(instance: string): void {
    Object.assign(this.scene(instance), { state: 'serving', worker: SERVES, application: UNKNOWN, platform: undefined });
  }

  /** As the real activity: ends when what is believed is no longer true. */
  async #watch({ instance, known, stayMs, twins: knownTwins = [] }: WatchSession): Promise<WatchNews> {
    const endsAtMs = Date.now() + (stayMs ?? 3600_000);
    for (;;) {
      const { state, twins = [] } = this.scene(instance);
      const isKnown = state === known && twins.map(({ address }) => address).join() === knownTwins.join();
      const failing = state === 'failing' || state === 'all-failing';
      const ended = !isKnown ? 'changed' : Date.now() >= endsAtMs ? 'time' : undefined;
      if (ended) {
        const since = new Date().toISOString();
        return {
          ended,
          state,
          deadBefore: [],
          detail: 'played',
          twins,
          ...(failing ? { since, view: await this.#viewOf(instance) } : {}),
        };
      }
      Context.current().heartbeat();
      await Context.current().sleep(20);
    }
  }

  async #viewOf(instance: string): Promise<WatchView> {
    const { worker, application, platform, allFailing, locked, settings } = this.scene(instance);
    return {
      at: new Date().toISOString(),
      worker,
      application,
      hasControl: platform !== undefined,
      ...(allFailing ? { allFailing } : {}),
      ...(locked ? { locked } : {}),
      recoveries: await operations.recoveries({ instance, shard: '0', name: instance }),
      settings,
    };
  }

  #handle(instance: string): WorkflowHandle {
    return this.client.workflow.getHandle(`watch/${instance}`);
  }

  status(instance: string): Promise<WatchStatus> {
    return this.#handle(instance).query<WatchStatus>('status');
  }

  async untilPhase(instance: string, phase: WatchStatus['phase'], text = /./): Promise<WatchStatus> {
    let seen: WatchStatus | undefined;
    await until(
      async () => {
        seen = await this.status(instance);
        return seen.phase === phase && text.test(seen.text);
      },
      { what: `${instance} ${phase}, ${text}`, seconds: 15 },
    );
    return seen as WatchStatus;
  }

  alarm(instance: string, alarm: Partial<Alarm> = {}): Promise<WatchAnswer> {
    const { incident = `${instance}@1` } = alarm;
    return raiseAlarm(
      this.client,
      { instance },
      { by: 'alert RedisDown', startsAt: new Date().toISOString(), ...alarm, incident },
    );
  }

  decide(instance: string, how: 'approve' | 'decline', incident: string, by = 'ann'): Promise<unknown> {
    return this.#handle(instance).executeUpdate(how, { args: [{ by, incident, note: 'as I say' }] });
  }

  async phaseAttribute(instance: string): Promise<unknown> {
    return (await this.#handle(instance).describe()).searchAttributes.RedisPhase?.[0];
  }

  /** Runs of recover/<instance>, by whoever. */
  async recoveries(instance: string): Promise<{ runId: string; input: unknown; running: boolean }[]> {
    const found = [];
    for await (const { runId, status } of this.client.workflow.list({ query: `WorkflowId = "recover/${instance}"` })) {
      const { events } = await this.client.workflow.getHandle(`recover/${instance}`, runId).fetchHistory();
      const data = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
      found.push({ runId, input: JSON.parse(Buffer.from(data ?? '').toString()), running: status.name === 'RUNNING' });
    }
    return found;
  }

  /** By a person, not by the watcher. */
  recoverByHand(instance: string, more: object = {}): Promise<WorkflowHandle> {
    return this.client.workflow.start('recoverRedis', {
      workflowId: `recover/${instance}`,
      taskQueue: QUEUES.ops,
      args: [{ instance, ...more }],
    });
  }

  async endRecovery(instance: string): Promise<void> {
    const handle = this.client.workflow.getHandle(`recover/${instance}`);
    await handle.signal('go');
    await handle.result();
    const ended = async () => (await this.recoveries(instance)).every(({ running }) => !running);
    await until(ended, { what: 'the end is listed' });
  }

  /** Ends what watches and recovers, as if nothing had been. */
  async clear(): Promise<void> {
    for await (const { workflowId } of this.client.workflow.list({ query: 'ExecutionStatus = "Running"' })) {
      await this.client.workflow
        .getHandle(workflowId)
        .terminate()
        .catch(() => undefined); // it has ended since
    }
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await this.#running;
    await this.#connection?.close();
    await this.temporal.stop();
  }
}
