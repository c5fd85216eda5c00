import type { LeftBehind } from '../../model/recovery/left-behind.ts';
import type { LogRun, SignatureId } from '../../model/recovery/log-signatures.ts';
import { signatureOf } from '../../model/recovery/log-signatures.ts';
import type {
  AofObservations,
  DataObservations,
  Observations,
  PlatformObservations,
  RepositoryObservations,
} from '../../model/recovery/observations.ts';
import type { LookVerdict, RedisFacts, RedisLook } from '../../model/redis-look.ts';
import { sampleManifest } from '../fixtures/manifest.ts';

export const NOW_MS = Date.parse('2026-02-14T12:00:00.000Z');

export const facts = (parts: Partial<RedisFacts> = {}): RedisFacts => ({
  product: 'redis',
  version: '7.0.15',
  runId: 'run-one',
  pid: 100,
  uptimeSeconds: 50_000,
  role: 'master',
  keys: 1000,
  loading: false,
  appendonly: true,
  usedMemoryBytes: 1000,
  maxmemoryBytes: 0,
  maxmemoryPolicy: 'noeviction',
  replid: 'history-one',
  replOffset: 5000,
  replicas: [],
  ...parts,
});

const HEARD: LookVerdict[] = ['serves', 'loading', 'misconf', 'full', 'read-only', 'refuses-writes'];

export const look = (verdict: LookVerdict, parts: Partial<RedisFacts> = {}, detail: string = verdict): RedisLook => ({
  verdict,
  detail,
  address: 'redis:6379',
  ...(HEARD.includes(verdict) ? { facts: facts(parts) } : {}),
});

export const run = (...ids: SignatureId[]): LogRun => ({
  pid: 99,
  ready: !ids.some((id) => signatureOf(id).atStart),
  loading: true,
  signs: ids.map((id) => ({ id, line: `logged ${id}` })),
});

export const aof = (parts: Partial<AofObservations> = {}): AofObservations => ({
  form: 'multi-part',
  manifest: 'present',
  files: 2,
  bytes: 2000,
  orphans: [],
  orphanBytes: 0,
  missing: [],
  ...parts,
});

export const cutOff = (parts: Partial<LeftBehind> = {}): LeftBehind => ({
  ...{ operationId: 'direct-one', phase: 'aside', at: '2026-02-14T11:55:00.000Z', directory: '/data/.redis-backup/direct-one' },
  ...{ bytes: 3000, asideBytes: 2000, asideKeys: 40, unfinished: true },
  ...parts,
});

export const data = (parts: Partial<DataObservations> = {}): DataObservations => ({
  dir: '/data',
  appendonly: true,
  aof: aof(),
  freeBytes: 10_000_000_000,
  totalBytes: 20_000_000_000,
  ...parts,
});

/** A process that is there and answers, or is gone. */
export function platform(running: boolean, parts: Partial<PlatformObservations> = {}): PlatformObservations {
  return {
    host: 'db1',
    description: 'redis-server on host db1',
    server: { running, ...(running ? { pid: 100 } : {}), crashLoop: false, restartsByItself: false },
    ...(running ? { local: look('serves') } : { end: { oom: 'no', oomWhy: 'nothing says so' } }),
    run: run(),
    data: data(),
    unseen: [],
    ...parts,
  };
}

export function stored(keys: number | null = 1000, parts: Partial<RepositoryObservations> = {}): RepositoryObservations {
  const { backupId, times, rdb, server, replication } = sampleManifest();
  const backup = keys === null ? null : { backupId, times, rdb: { ...rdb, keys }, server, replication };
  return { backup, log: null, replicas: [], unknown: [], ...parts };
}

export const observations = (parts: Partial<Observations> = {}): Observations => ({
  instance: 'main',
  nowMs: NOW_MS,
  worker: look('serves'),
  applications: [],
  replicas: [],
  notReplicas: [],
  stored: stored(),
  settings: {
    onDamage: 'serve-empty',
    restore: 'ask',
    restoreClasses: [],
    tolerance: 0.01,
    askForMs: 300_000,
    restartEveryMs: 600_000,
    replicas: [],
    warmup: { tolerance: 0.05, windowMs: 30_000, windows: 3, minLookups: 100, limitMs: 3_600_000 },
  },
  ...parts,
});

/** Nobody answers the worker, and its machine says this. */
export const down = (parts: Partial<PlatformObservations> = {}): Partial<Observations> => ({
  worker: look('refused'),
  platform: platform(false, parts),
});
export const failedStart = (...ids: SignatureId[]): Partial<Observations> => down({ run: run(...ids) });
