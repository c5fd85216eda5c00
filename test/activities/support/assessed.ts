import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import type { Dependencies, ProtectedInstance } from '../../../activities/dependencies.ts';
import { type AssessInput, createAssessActivities } from '../../../activities/recovery/assess.ts';
import { observeFiles, observeFromControl } from '../../../activities/recovery/observe.ts';
import type { FailureClass } from '../../../model/recovery/failure-classes.ts';
import type { PlatformObservations } from '../../../model/recovery/observations.ts';
import type { Assessment } from '../../../model/recovery/recovery.ts';
import type { RecoverySettings } from '../../../model/recovery/settings.ts';
import type { Control } from '../../../platforms/platform.ts';
import { openProcessPlatform } from '../../../platforms/process/process-platform.ts';
import type { ApplicationProbe } from '../../../probes/connectivity.ts';
import type { RedisConnection } from '../../../redis/client/connection.ts';
import type { Archive } from '../../../repository/archive/archive.ts';
import type { Repository } from '../../../repository/repository.ts';
import { MAIN } from '../../fixtures/shard.ts';
import type { RedisServer } from '../../support/redis-server.ts';

export const SETTINGS: RecoverySettings = {
  onDamage: 'serve-empty',
  restore: 'ask',
  restoreClasses: ['sessions'],
  sessionClass: 'sessions',
  tolerance: 0.01,
  askForMs: 300_000,
  restartEveryMs: 600_000,
  replicas: [],
  warmup: { tolerance: 0.05, windowMs: 30_000, windows: 3, minLookups: 100, limitMs: 3_600_000 },
};

export interface AssessedOptions {
  /** How this worker reaches it; default as it is reached. */
  connection?: Partial<RedisConnection>;
  applications?: ApplicationProbe[];
  settings?: Partial<RecoverySettings>;
  repository?: () => Promise<Repository>;
  archive?: () => Promise<Archive>;
  /** What runs it; default the command that the test started it by. */
  platform?: Control;
  /** Said by a person for this recovery. */
  overrides?: AssessInput['overrides'];
  /** Nobody looks from its machine. */
  withoutPlace?: boolean;
}

export interface Assessed {
  platform?: PlatformObservations;
  assessment: Assessment;
  /** Of each of the two looks. */
  tookMs: [platform: number, assess: number];
}

const nothing = { snapshots: () => ({ list: async () => [] }) } as unknown as Repository;

/** Both looks at one Redis under test, as a workflow takes them. */
export async function assess(redis: RedisServer, options: AssessedOptions = {}): Promise<Assessed> {
  const { applications = [], settings = {}, repository = async () => nothing, archive } = options;
  const home = dirname(redis.configFile);
  const target = {
    ...MAIN,
    connection: { ...redis.connection, ...options.connection },
    applications,
    recovery: { ...SETTINGS, ...settings },
    ...(archive ? { archive: {} } : {}),
  } as unknown as ProtectedInstance;
  const deps = { host: 'here', now: Date.now, shard: async () => target, repository, archive } as unknown as Dependencies;
  const control =
    options.platform ??
    openProcessPlatform({
      start: { command: [redis.binary.path, redis.configFile], cwd: home, logFile: join(home, 'output') },
      configFile: redis.configFile,
      port: redis.port,
    });
  const begun = performance.now();
  const platform = options.withoutPlace ? undefined : await observePlatform(control, target.connection);
  const between = performance.now();
  const input = {
    ...MAIN,
    ...(options.overrides ? { overrides: options.overrides } : {}),
    ...(platform ? { platform: JSON.parse(JSON.stringify(platform)) as PlatformObservations } : {}),
  };
  const assessment = await createAssessActivities(deps).assessFailure(input);
  return { ...(platform ? { platform } : {}), assessment, tookMs: [between - begun, performance.now() - between] };
}

/** Both looks from its machine, as the workflow takes them. */
export async function observePlatform(platform: Control, connection: RedisConnection): Promise<PlatformObservations> {
  const { layout, rules, ...server } = await observeFromControl('here', platform, connection);
  if (!layout) return server;
  const readLog = server.server.running === false || server.server.crashLoop;
  const { unseen, ...data } = await observeFiles({ layout }, { readLog, ...rules });
  return { ...server, ...data, unseen: [...server.unseen, ...unseen] };
}

/** The class, with all that was seen in the message of a failure. */
export function is({ assessment, platform }: Assessed, failure: FailureClass, ...evidence: RegExp[]): void {
  assert.equal(assessment.failure, failure, JSON.stringify({ assessment, platform }, undefined, 1));
  for (const pattern of evidence) assert.match(assessment.evidence.join('\n'), pattern);
}
export const actsOf = ({ assessment }: Assessed): string[] =>
  assessment.actions.map(({ action, ask }) => (ask ? `${action}?` : action));
