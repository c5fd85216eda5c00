import type { Client, WorkflowHandle } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { currentJob } from '../../activities/job-context.ts';
import type { MergedKeys, MergeOutcome } from '../../model/merge/merge.ts';
import type { Assessment, DataDecision, RecoveryInput, RecoveryReport, RecoveryResult } from '../../model/recovery/recovery.ts';
import type { RunbookStatus } from '../../model/recovery/runbook.ts';
import { JobInterceptor } from '../../worker/interceptors.ts';
import { COMMON_OPTIONS, WORKFLOW_OPTIONS } from '../../worker/options.ts';
import { SINKS } from '../../worker/sinks.ts';
import { workflowBundle } from '../../worker/workflow-bundle.ts';
import { failureOf } from './failure-of.ts';
import { OF_NOBODY } from './of-nobody.ts';
import { startTemporal, type TemporalOptions, type TemporalServer } from './temporal.ts';
import { until } from './until.ts';

/** What one step answers; a function is called anew each time. It may throw. */
type Part = (input: never) => unknown;
export type Script = Record<string, Part>;

const QUEUES = ['redis-ops', 'redis-transfer', 'host/here'];

/** A real Temporal server and the real workflow `recoverRedis`, with steps that the test plays: for what no real Redis can be made to do on time. */
export class PlayedRecovery {
  readonly temporal: TemporalServer;
  readonly client: Client;
  readonly steps: string[] = [];
  #script: Script = {};
  readonly #workers: Worker[];
  readonly #running: Promise<unknown>;
  readonly #connection: NativeConnection;
  #number = 0;

  private constructor(temporal: TemporalServer, client: Client, connection: NativeConnection, workers: Worker[]) {
    this.temporal = temporal;
    this.client = client;
    this.#connection = connection;
    this.#workers = workers;
    this.#running = Promise.all(workers.map((worker) => worker.run()));
  }

  /** @param beforeTask - waited for before the payloads of a task are read: while a test holds one up, what happens meets in the next one */
  static async open(options: TemporalOptions = {}, beforeTask?: () => Promise<unknown>): Promise<PlayedRecovery> {
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
    const temporal = await startTemporal(options);
    const connection = await NativeConnection.connect({ address: temporal.address });
    let played: PlayedRecovery | undefined;
    const play = new Proxy({} as Record<string, (input: unknown) => Promise<unknown>>, {
      get: (_, step) => (typeof step === 'string' ? (input: unknown) => played?.play(step, input) : undefined),
      has: () => true,
    });
    const names = Object.keys({ ...DEFAULTS, ...OTHERS });
    const parts = Object.fromEntries(names.map((name) => [name, (input: unknown) => play[name]?.(input)]));
    const activities = { ...parts, ...OF_NOBODY };
    const bundle = await workflowBundle();
    const workers = await Promise.all(
      QUEUES.map((taskQueue) =>
        Worker.create({
          ...COMMON_OPTIONS,
          ...(taskQueue === 'redis-ops' ? { ...WORKFLOW_OPTIONS, workflowBundle: bundle, sinks: SINKS } : {}),
          connection,
          taskQueue,
          ...(beforeTask ? { dataConverter: { payloadCodecs: [waitingCodec(beforeTask)] } } : {}),
          activities,
          interceptors: { activity: [(context) => ({ inbound: new JobInterceptor(context) })] },
        }),
      ),
    );
    played = new PlayedRecovery(temporal, await temporal.client(), connection, workers);
    return played;
  }

  /** @param script - what differs from a Redis that died and comes back whole */
  async start(script: Script = {}, input: Partial<RecoveryInput> = {}): Promise<RunningRecovery> {
    this.#script = script;
    this.steps.length = 0;
    const instance = `main${++this.#number}`;
    const handle = await this.client.workflow.start('recoverRedis', {
      workflowId: `recover/${instance}`,
      taskQueue: 'redis-ops',
      args: [{ instance, ...input }],
    });
    return new RunningRecovery(handle as WorkflowHandle, instance);
  }

  async run(script: Script = {}, input: Partial<RecoveryInput> = {}): Promise<RecoveryResult> {
    return (await this.start(script, input)).result();
  }

  async play(step: string, input: unknown): Promise<unknown> {
    this.steps.push(step);
    const part = this.#script[step] ?? DEFAULTS[step] ?? (() => undefined);
    return part(input as never);
  }

  /** How often a step was begun. */
  times = (step: string): number => this.steps.filter((one) => one === step).length;

  async close(): Promise<void> {
    for (const worker of this.#workers) worker.shutdown();
    await this.#running;
    await this.#connection.close();
    await this.temporal.stop();
  }
}

const waitingCodec = (beforeTask: () => Promise<unknown>): PayloadCodec => ({
  encode: async (payloads) => payloads,
  decode: (payloads) => beforeTask().then(() => payloads),
});

export class RunningRecovery {
  readonly handle: WorkflowHandle;
  readonly instance: string;

  constructor(handle: WorkflowHandle, instance: string) {
    this.handle = handle;
    this.instance = instance;
  }

  result = (): Promise<RecoveryResult> => this.handle.result() as Promise<RecoveryResult>;
  report = (): Promise<RecoveryReport> => this.handle.result() as Promise<RecoveryReport>;
  status = (): Promise<RunbookStatus> => this.handle.query<RunbookStatus>('status');
  update = (name: string, message: object): Promise<unknown> => this.handle.executeUpdate(name, { args: [message] });

  /** Waits for the page to say something. */
  async see(what: (status: RunbookStatus) => boolean, name = 'the page'): Promise<RunbookStatus> {
    await until(async () => what(await this.status()), { what: name, seconds: 30 });
    return this.status();
  }

  question = async () => {
    const { question } = await this.see(({ question }) => question !== undefined, 'a question');
    if (!question) throw new Error('the question is gone');
    return question;
  };
}

/** A step that goes on until it is cancelled. */
export const forever = (): Promise<never> => {
  const { signal } = currentJob();
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
};

export const assessment = (over: Partial<Assessment> = {}): Assessment => ({
  instance: 'main',
  at: new Date().toISOString(),
  failure: 'dead',
  evidence: ['no process'],
  restartHelps: true,
  clients: 'connections are refused',
  actions: [{ action: 'restart', text: 'start it: it is not running' }],
  digest: 'd1',
  advice: [],
  changed: [],
  worstLoss: 'at most 1.1 s of writes',
  replicas: [],
  platform: { running: false },
  settings: {
    onDamage: 'serve-empty',
    restore: 'ask',
    restoreClasses: ['sessions'],
    sessionClass: 'sessions',
    tolerance: 0.01,
    askForMs: 20_000,
    restartEveryMs: 600_000,
    replicas: [],
    warmup: { tolerance: 0.05, windowMs: 1000, windows: 1, minLookups: 1, limitMs: 60_000 },
  },
  applications: ['api'],
  ...over,
});

export const serves = () => ({ runId: 'r2', servedAt: new Date().toISOString(), keys: 100, warnings: [] });
export const healthy = () =>
  assessment({ failure: 'healthy', actions: [], restartHelps: false, clients: 'reads and writes are answered' });

export const lost = (over: Partial<DataDecision> = {}): DataDecision => ({
  verdict: 'lost',
  text: 'at most 90 sessions are lost',
  expected: { atLeast: 90, atMost: 100 },
  present: 10,
  sampled: false,
  lost: { atLeast: 80, atMost: 90 },
  offer: { classes: ['sessions'], until: 'latest', asOf: '2026-01-01T00:00:00.000Z', revivesSignedOut: false },
  decision: 'ask',
  digest: 'offer1',
  ...over,
});

/** 85 of 95 sessions were missing, and are back. */
export const merged = (over: Partial<MergedKeys> = {}): MergeOutcome => ({
  classes: [
    { name: 'sessions', restored: 85, kept: 10, expired: 5, failed: 0, promised: 95, standing: 95, reasons: [], ...over },
  ],
  evicted: 0,
  needs: { memoryBytes: 1000, room: { maxmemoryBytes: 0, policy: 'noeviction', countedBytes: 1000, evictedKeys: 0 } },
});

const LAYOUT = { dir: '/data', dbfilename: 'dump.rdb', appendonly: true, appenddirname: 'a', appendfilename: 'b' };

const DEFAULTS: Script = {
  openPlacement: () => ({ queue: 'host/here', isOwn: false }),
  openBeside: () => ({ part: 'beside', queue: 'host/here' }),
  observeFromControl: () => ({ server: { running: false, crashLoop: false }, layout: LAYOUT, unseen: [] }),
  observeFiles: () => ({ unseen: [] }),
  observeServer: () => ({ running: false, layout: LAYOUT }),
  endServer: () => ({ running: false, layout: LAYOUT }),
  endUnsaved: () => ({ running: false, layout: LAYOUT }),
  assessFailure: () => assessment(),
  detachArchiver: () => ({ detached: false }),
  readRestart: () => ({ hasNoData: false }),
  decideRestart: () => ({ record: {}, isNew: true }),
  noteRestart: ({ record }: { record: object }) => ({ record }),
  startOnce: () => ({ beforeMs: Date.now() }),
  refuseEmptyStart: () => ({ running: false, layout: LAYOUT }),
  startEmpty: () => ({ beforeMs: Date.now() }),
  setAside: () => ({ directory: '/aside', bytes: 10 }),
  copyAside: () => ({ directory: '/aside', bytes: 10 }),
  awaitServingAgain: serves,
  awaitServesFromAfar: serves,
  watchConnectivity: () => [
    { name: 'api', kind: 'http', required: true, verdict: 'connected', detail: '1 of 1', stragglers: [] },
  ],
  decideData: (): DataDecision => ({
    verdict: 'within-tolerance',
    text: 'no session is lost',
    present: 100,
    sampled: false,
    decision: 'go-on',
  }),
  findBaseline: () => ({ from: 'none' }),
  forecastSignIns: () => undefined,
  whichShard: ({ instance }: { instance: string }) => ({ instance, shard: '0', name: instance }),
  assessSnapshot: () => ({ fromFiles: false, uncompressedFork: false, warnings: [] }),
  storeSnapshot: () => ({
    manifest: { backupId: '20260101T000000Z', shard: '0', rdb: { keys: 100, bytes: 10 }, stored: { bytes: 5, sha256: '' } },
    seconds: 1,
    warnings: [],
  }),
  planMerge: () => ({
    instance: 'main',
    name: 'main',
    backupId: '20260101T000000Z',
    takenAt: '2026-01-01T00:00:00.000Z',
    classes: [],
    refusals: [],
    warnings: [],
  }),
  rehearseMerge: ({ plan }: { plan: object }) => plan,
  mergeClasses: () => merged(),
  watchServing: forever,
  watchAuthentication: () => ({ verdict: 'back-to-normal', seconds: 1, text: 'sign-ins are back to normal' }),
  watchWarmup: () => ({ verdict: 'warm', targetFrom: 'configuration', hitRate: 0.9, seconds: 1, text: 'warm: 90 %' }),
};

/** Steps that answer nothing. */
const OTHERS = {
  attachArchiver: 0,
  verifySnapshot: 0,
  publishSnapshot: 0,
  removeThrowaway: 0,
  detachReplicas: 0,
  promoteReplica: 0,
  putBackAside: 0,
  permitEmptyStart: 0,
  startAgain: 0,
  refuseLesserStart: 0,
  closePlacement: 0,
  rebuildManifest: 0,
  makePrimary: 0,
  killScript: 0,
};

/** A step that fails for good. */
export const fails = (code: string, message: string) => () => {
  throw ApplicationFailure.create({ type: code, message, nonRetryable: true });
};

/** What a refusal says. */
export const said = (promise: Promise<unknown>): Promise<string> => failureOf(promise).then(({ message }) => message);

/** A log that is damaged: kept aside, and Redis started without it. */
export const damaged = (ask?: { question: string; otherwise: 'skip' | 'proceed' | 'stop' }) =>
  assessment({
    failure: 'aof-damaged',
    restartHelps: false,
    actions: [
      { action: 'set-aside', text: 'keep the damaged log' },
      { action: 'start-empty', text: 'start without it', ...(ask ? { ask } : {}) },
    ],
  });
