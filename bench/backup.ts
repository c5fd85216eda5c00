import type { RedisServer } from '../test/support/redis-server.ts';
import { type S3Server, startS3 } from '../test/support/s3-server.ts';
import { rdbWithKeys, redisWith } from './data.ts';
import { startOurs } from './ours.ts';
import { redisCli, walg } from './peers.ts';
import { STAGES, stageContender } from './pipeline.ts';
import type { Stage } from './pipeline-child.ts';
import {
  alternate,
  type BenchOptions,
  type BenchResult,
  type Contender,
  compare,
  type Goal,
  LIMIT_MB,
  type Report,
  type Run,
  round,
} from './report.ts';

const MEMORY_SIZES = { '100 MB': 330_000, '1 GB': 3_300_000 };

/** Snapshot of a loaded Redis to a local S3 server, beside what others need for it. */
export async function benchBackup(options: BenchOptions): Promise<BenchResult> {
  const { path, bytes } = await rdbWithKeys(options.keys, options.note);
  await using redis = await redisWith(path);
  await using s3 = await startS3();
  const about = `${options.keys} keys, RDB of ${(bytes / 1e6).toFixed(0)} MB, medians of ${options.runs} runs in turn`;
  if (options.pipeline) return { ...(await benchStages(redis, s3, options)), about: `${about}, without Temporal` };
  await using ours = await startOurs({ redis, s3, profile: options.cpuProf, note: options.note });
  const contenders = [redisCli(redis.port), ours.backup({ uncompressedFork: options.uncompressedFork }), walg(redis.port, s3)];
  const runs = await alternate(
    contenders.filter((one) => one !== undefined),
    options.runs,
    options.note,
  );
  const name = options.uncompressedFork ? 'backup --uncompressed-fork' : 'backup';
  const report = compare(name, runs, 'redis-backup', ['redis-cli', 'wal-g']);
  return { report, about, goals: backupGoals(report, options.uncompressedFork) };
}

function backupGoals({ ours, peers, ratio }: Report, uncompressedFork: boolean): Goal[] {
  const goals: Goal[] = [
    { what: 'time over redis-cli', value: ratio['redis-cli'] ?? Number.NaN, atMost: uncompressedFork ? 0.9 : 1.25 },
    { what: 'peak memory of the worker, MB', value: ours.rssMb ?? Number.NaN, atMost: LIMIT_MB },
  ];
  const stored = peers['wal-g']?.storedBytes;
  if (stored === undefined) return goals;
  return [
    ...goals,
    { what: 'time over wal-g', value: ratio['wal-g'] ?? Number.NaN, atMost: 0.8 },
    { what: 'stored bytes over those of wal-g', value: (ours.storedBytes ?? Number.NaN) / stored, atMost: 1 },
  ];
}

async function benchStages(redis: RedisServer, s3: S3Server, options: BenchOptions): Promise<Omit<BenchResult, 'about'>> {
  const stages = Object.keys(STAGES) as Stage[];
  const contenders: Contender[] = [
    redisCli(redis.port),
    ...stages.map((stage) => stageContender(stage, redis.port, s3, options.cpuProf, options.note)),
  ];
  const runs = await alternate(contenders, options.runs, options.note);
  const names = contenders.map(({ name }) => name).filter((name) => name !== STAGES.store);
  return { report: compare('backup --pipeline', runs, STAGES.store, names), goals: [] };
}

/** The same for little and for much data: the memory of a worker must not grow with the Redis. */
export async function benchMemory(options: BenchOptions): Promise<BenchResult> {
  const measured: Run[] = [];
  for (const keys of Object.values(MEMORY_SIZES)) {
    const { path } = await rdbWithKeys(keys, options.note);
    await using redis = await redisWith(path);
    await using s3 = await startS3();
    await using ours = await startOurs({ redis, s3, profile: false, note: options.note });
    const runs = await alternate([ours.backup({ uncompressedFork: options.uncompressedFork })], options.runs, options.note);
    measured.push(runs.get('redis-backup') as Run);
  }
  const [small, large] = measured as [Run, Run];
  const ratio = { 'redis-backup, 100 MB': round((large.rssMb ?? 0) / (small.rssMb ?? 1), 3) };
  return {
    report: { name: 'backup --memory', ours: large, peers: { 'redis-backup, 100 MB': small }, ratio },
    about: 'peak memory of the worker with about 1 GB of RDB (first line) and 100 MB',
    goals: [
      { what: 'peak memory of the worker, MB', value: Math.max(small.rssMb ?? 0, large.rssMb ?? 0), atMost: LIMIT_MB },
      { what: 'memory of the large over the small', value: ratio['redis-backup, 100 MB'], atMost: 1.15 },
    ],
  };
}
