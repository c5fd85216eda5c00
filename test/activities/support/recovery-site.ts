import { randomUUID } from 'node:crypto';
import type { Dependencies, FilesPart } from '../../../activities/dependencies.ts';
import { type Progress, runAsJob } from '../../../activities/job-context.ts';
import { createRecoveryActions } from '../../../activities/recovery/actions.ts';
import type { RestartInput } from '../../../activities/recovery/restart.ts';
import type { FailureClass } from '../../../model/recovery/failure-classes.ts';
import type { ActionInput, Assessment } from '../../../model/recovery/recovery.ts';
import type { RecoverySettings } from '../../../model/recovery/settings.ts';
import type { ShardRef } from '../../../model/shard.ts';
import type { Control } from '../../../platforms/platform.ts';
import { openProcessPlatform } from '../../../platforms/process/process-platform.ts';
import { openRedis } from '../../../redis/client/client.ts';
import type { RedisConnection } from '../../../redis/client/connection.ts';
import * as changes from '../../../workflows/procedures/change-files.ts';
import { restartServer } from '../../../workflows/procedures/restart-server.ts';
import type { RunStep } from '../../../workflows/steps/step-table.ts';
import { MAIN } from '../../fixtures/shard.ts';
import { type RedisOptions, type RedisServer, startRedis } from '../../support/redis-server.ts';

export const SETTINGS: RecoverySettings = {
  onDamage: 'serve-empty',
  restore: 'ask',
  restoreClasses: [],
  tolerance: 0.05,
  askForMs: 60_000,
  restartEveryMs: 600_000,
  replicas: [],
  warmup: { tolerance: 0.05, windowMs: 1_000, windows: 3, minLookups: 100, limitMs: 60_000 },
};

/** The worker dies there: just before or just after what it does to the process. */
export type Fate = 'before stop' | 'after stop' | 'before start' | 'after start';
export class Killed extends Error {}

function doomed(platform: Control, fate: () => Fate | undefined): Control {
  const around =
    <T>(name: 'stop' | 'start', call: (signal?: AbortSignal) => Promise<T>) =>
    async (signal?: AbortSignal): Promise<T> => {
      if (fate() === `before ${name}`) throw new Killed();
      const result = await call(signal);
      if (fate() === `after ${name}`) throw new Killed();
      return result;
    };
  return { ...platform, stop: around('stop', platform.stop), start: around('start', platform.start) };
}

type Acts = ReturnType<typeof recoveryOf>;

/** Each procedure of a recovery by its name, carried out in this process, and the steps that stand for themselves. */
function recoveryOf(deps: Dependencies) {
  const steps = createRecoveryActions(deps, { refusedForMs: 500, silentAfterMs: 500 });
  const run = (step: string, input: unknown) =>
    (steps as never as Record<string, (input: unknown) => Promise<never>>)[step]?.(input);
  const close = async () => undefined;
  const runner = { runStep: run as RunStep, close };
  return {
    ...steps,
    restartServer: (input: RestartInput) => restartServer(runner, { ...MAIN, ...input }),
    setAside: (input: ActionInput) => changes.keepAside(runner, { ...MAIN, ...input }),
    startEmpty: (input: ActionInput) => changes.startEmpty(runner, { ...MAIN, ...input }),
    rebuildManifest: (input: ActionInput) => changes.rebuildManifest(runner, { ...MAIN, ...input }),
    putBackUnfinished: (input: ActionInput) => changes.putBackUnfinished(runner, { ...MAIN, ...input }),
    mendLog: (input: ActionInput & { mayLoseCommands?: boolean }) => changes.mendLog(runner, { ...MAIN, ...input }),
    putBackAside: async (input: ShardRef & { operationId: string }) =>
      steps.putBackAside({ ...input, ...(await steps.observeServer(input)) }),
  };
}

/** A Redis as a worker of its host has it, and a recovery of it: each is another operation. */
export interface RecoverySite extends AsyncDisposable {
  redis: RedisServer;
  deps: Dependencies;
  platform: Control;
  actions: Acts;
  progress: Progress[];
  /** How often the fence was asked. */
  locks(): number;
  operationId: string;
  fate?: Fate;
  /** Runs acts as the recovery does. */
  during<T>(body: (actions: Acts) => Promise<T>, operationId?: string, attempt?: number): Promise<T>;
  ask(...args: string[]): Promise<unknown>;
}

export async function recoverySite(
  options: RedisOptions & { connection?: Partial<RedisConnection>; external?: boolean; unit?: string } = {},
): Promise<RecoverySite> {
  const redis = await startRedis(options);
  const connection = { ...redis.connection, ...options.connection };
  const platform = openProcessPlatform({
    start: options.unit === undefined ? { command: [redis.binary.path, redis.configFile] } : { systemd: options.unit },
    port: redis.port,
    stopTimeoutMs: 1_500,
  });
  const files: FilesPart = {
    isAtHand: true,
    where: 'on here',
    open: (layout) => ({ layout }),
    throwawayNeeds: async () => {
      const program = await platform.program();
      return { ...(program === undefined ? {} : { program }), directives: await platform.loadDirectives() };
    },
    openPlacement: async () => ({ queue: 'host/here', isOwn: false }),
    closePlacement: async () => undefined,
  };
  let locks = 0;
  const deps = {
    now: () => Date.now(),
    shard: async () => ({
      ...MAIN,
      connection,
      recovery: SETTINGS,
      ...(options.external
        ? {}
        : {
            control: {
              queue: 'host/here',
              isAtHand: true,
              where: 'on here',
              runs: redis.configFile,
              noProgressMs: 5_000,
              open: () => doomed(platform, () => site.fate),
            },
            files,
          }),
    }),
    requireLock: async () => void locks++,
  } as unknown as Dependencies;
  const actions = recoveryOf(deps);
  const progress: Progress[] = [];
  const operationId = randomUUID();
  const site: RecoverySite = {
    redis,
    deps,
    platform,
    actions,
    progress,
    operationId,
    locks: () => locks,
    during: (body, id = operationId, attempt = 1) =>
      runAsJob(
        { attempt, signal: new AbortController().signal, operationId: id, progress: (one) => void progress.push(one) },
        () => body(actions),
      ),
    async ask(...args) {
      using client = await openRedis(redis.connection);
      return await client.command(...args);
    },
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  };
  return site;
}

/** What was found, as far as acts read it. */
export function found(failure: FailureClass, more: Partial<Assessment> = {}): ActionInput {
  const assessment: Assessment = {
    instance: 'main',
    at: new Date().toISOString(),
    failure,
    evidence: [],
    restartHelps: false,
    clients: '',
    actions: [],
    digest: '',
    advice: [],
    changed: [],
    worstLoss: '',
    replicas: [],
    settings: SETTINGS,
    applications: [],
    ...more,
  };
  return { instance: 'main', shard: '0', assessment };
}
