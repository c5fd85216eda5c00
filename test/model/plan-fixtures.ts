import { createHash } from 'node:crypto';
import { emptyClassCensus, TTL_BOUNDS_SECONDS } from '../../model/census.ts';
import { DEFAULT_DATA_CLASSES } from '../../model/data-class.ts';
import { backupIdAt } from '../../model/instance.ts';
import type { ServerFacts, SnapshotManifest } from '../../model/manifest.ts';
import { type PlanInput, type PlannedLog, planRestore, type RestorePlan, type TargetFacts } from '../../model/plan.ts';
import type { Rehearsal, RehearsedMoment } from '../../model/rehearsal.ts';

export const TAKEN_AT_MS = Date.parse('2026-08-01T06:00:00Z');
export const NOW_MS = Date.parse('2026-08-01T08:30:00Z');

export const server = (overrides: Partial<ServerFacts> = {}): ServerFacts => ({
  product: 'redis',
  version: '7.0.15',
  runId: 'a'.repeat(40),
  role: 'master',
  usedMemoryBytes: 300_000_000,
  maxmemoryBytes: 0,
  maxmemoryPolicy: 'noeviction',
  databases: 16,
  modules: [],
  policy: {
    save: '3600 1 300 100 60 10000',
    appendonly: 'no',
    appendfsync: 'everysec',
    dir: '/var/lib/redis',
    dbfilename: 'dump.rdb',
    appenddirname: 'appendonlydir',
    appendfilename: 'appendonly.aof',
    rdbcompression: 'yes',
    rdbchecksum: 'yes',
  },
  ...overrides,
});

/** 120,000 sessions of which 20,000 have at most 2 h left, 5,000 flags of a minute, 75,000 others without TTL. */
export function manifest({
  takenAtMs = TAKEN_AT_MS,
  rdb = {},
  ...overrides
}: Partial<Omit<SnapshotManifest, 'rdb'>> & {
  takenAtMs?: number;
  rdb?: Partial<SnapshotManifest['rdb']>;
} = {}): SnapshotManifest {
  const classes = [...DEFAULT_DATA_CLASSES.map(({ name }) => emptyClassCensus(name)), emptyClassCensus('other')];
  const fill = (name: string, seconds: number, keys: number): void => {
    const found = classes.find((one) => one.name === name);
    const bucket = TTL_BOUNDS_SECONDS.indexOf(seconds);
    if (!found || bucket < 0) throw new Error(`no class ${name} or bound ${seconds}`);
    found.ttl[bucket] = keys;
    found.keys += keys;
  };
  fill('sessions', 7200, 20_000);
  fill('sessions', 86_400, 100_000);
  fill('featureFlags', 60, 5_000);
  const other = classes.at(-1);
  if (other) Object.assign(other, { keys: 75_000, persistent: 75_000 });
  return {
    formatVersion: 1,
    kind: 'snapshot',
    backupId: backupIdAt(takenAtMs),
    instance: 'main',
    shard: '0',
    reason: 'scheduled',
    method: 'replication',
    software: { name: 'redis-backup', version: '0.1.0' },
    server: server(),
    replication: { replid: 'b'.repeat(40), offset: 1 },
    times: {
      takenAt: new Date(takenAtMs).toISOString(),
      clockOffsetMs: 0,
      finishedAt: new Date(takenAtMs + 9_000).toISOString(),
    },
    stored: { file: 'dump.rdb.zst', bytes: 40_000_000, sha256: 'c'.repeat(64), compression: 'zstd' },
    census: { takenAtMs, keys: 200_000, classes },
    ttlBoundsSeconds: [...TTL_BOUNDS_SECONDS],
    ...overrides,
    rdb: {
      magic: 'REDIS',
      version: 10,
      bytes: 100_000_000,
      crc64: 'valid',
      parsed: true,
      keys: 200_000,
      expires: 125_000,
      databases: [{ db: 0, keys: 200_000, expires: 125_000 }],
      functions: 0,
      moduleTypes: [],
      usedMemoryBytes: 250_000_000,
      ...rdb,
    },
  };
}

/** Of a Redis with a log. */
export const appending = (overrides: Partial<ServerFacts> = {}): ServerFacts =>
  server({ policy: { ...server().policy, appendonly: 'yes' }, ...overrides });

/** It persists as its redis.conf says. */
export const target = (overrides: Partial<TargetFacts> = {}): TargetFacts => ({
  description: 'redis-server /etc/redis.conf on host db1',
  reachable: true,
  server: overrides.layout?.appendonly ? appending() : server(),
  clusterMode: false,
  replicas: [],
  clockOffsetMs: 3,
  keysNow: { total: 1_234, databases: [{ db: 0, keys: 1_234 }] },
  layout: {
    dir: '/var/lib/redis',
    dbfilename: 'dump.rdb',
    appendonly: false,
    appenddirname: 'appendonlydir',
    appendfilename: 'appendonly.aof',
  },
  disk: { freeBytes: 50_000_000_000, existingBytes: 90_000_000 },
  memory: { hostTotalBytes: 8_000_000_000, hostAvailableBytes: 4_000_000_000, processResidentBytes: 320_000_000 },
  identity: {
    ofPlatform: { same: 'yes' },
    runId: 'a'.repeat(40),
  },
  processRunning: true,
  processName: 'process 77',
  applications: ['web', 'login'],
  ...overrides,
});

type Overrides = Partial<Omit<PlanInput, 'digestOf'>>;

export const input = (overrides: Overrides = {}): PlanInput => ({
  instance: 'main',
  shard: '0',
  manifest: manifest(),
  others: [],
  target: target(),
  classes: DEFAULT_DATA_CLASSES,
  nowMs: NOW_MS,
  digestOf: (text) => createHash('sha256').update(text).digest('hex').slice(0, 16),
  ...overrides,
});

export const planOf = (overrides: Overrides = {}): RestorePlan => planRestore(input(overrides));

/** The target while its Redis is dead. */
export const down = (): TargetFacts =>
  target({
    reachable: false,
    server: undefined,
    keysNow: undefined,
    clockOffsetMs: undefined,
    processRunning: false,
    memory: { hostTotalBytes: 8_000_000_000, hostAvailableBytes: 4_300_000_000 },
    identity: {},
  });

export const withServer = (overrides: Partial<ServerFacts>): TargetFacts => target({ server: server(overrides) });

export const appendOnly = (): TargetFacts['layout'] => ({ ...target().layout, appendonly: true });

export const TIMELINE = `${'b'.repeat(40)}-0000000000001000`;

export const log = (overrides: Partial<PlannedLog> = {}): PlannedLog => ({
  until: 'latest',
  ranges: [{ timelineId: TIMELINE, from: 1000, to: 81_000_000 }],
  bytes: 80_999_000,
  untilMs: NOW_MS - 2000,
  endsMs: NOW_MS - 2000,
  ...overrides,
});

/** FLUSHALL, half an hour ago. */
export const flushed = (overrides: Partial<RehearsedMoment> = {}): RehearsedMoment => ({
  command: 'FLUSHALL',
  atMs: NOW_MS - 1_800_000,
  db: 0,
  until: `${TIMELINE}@70000000`,
  keysBefore: 180_000,
  keysAfter: 0,
  took: [
    { name: 'sessions', keys: 105_000 },
    { name: 'other', keys: 75_000 },
  ],
  ...overrides,
});

/** What came out: so many sessions, and the 75,000 others. */
export function rehearsed(sessions: number, overrides: Partial<Rehearsal> = {}): Rehearsal {
  const classes = [
    { name: 'sessions', keys: sessions },
    { name: 'other', keys: sessions > 0 ? 75_000 : 0 },
  ];
  const keys = classes.reduce((sum, one) => sum + one.keys, 0);
  return {
    done: true,
    server: { product: 'redis', version: '7.0.15', sameAsTarget: true },
    countedAtMs: NOW_MS,
    keys,
    classes,
    databases: [{ db: 0, keys, classes }],
    functions: 0,
    moments: [],
    moreMoments: 0,
    result: { rdb: { ...manifest().rdb, keys, databases: [{ db: 0, keys, expires: sessions }] }, sha256: 'e'.repeat(64) },
    ...overrides,
  };
}
