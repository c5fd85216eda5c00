import { QUEUES } from '../model/operations.ts';
import { WORKFLOW_IDS } from '../model/workflow-ids.ts';
import { findBinary } from '../test/support/binaries.ts';
import { type RedisServer, startRedis } from '../test/support/redis-server.ts';
import { startS3 } from '../test/support/s3-server.ts';
import { until } from '../test/support/until.ts';
import { BENCH_CONFIG } from './data.ts';
import { lagWhileWriting, readOffsets } from './lag.ts';
import { INSTANCE, type Ours, PREFIX, startOurs } from './ours.ts';
import { measureCommand } from './processes.ts';
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
} from './report.ts';
import { bytesUnder } from './stored.ts';

const WITHOUT = 'without archive';
const REPLICA = 'a replica of Redis';
/** The load of one run. */
const RUN_SECONDS = 12;
const TRIAL_WRITES = 500_000;
const WRITES_A_SECOND = 50_000;

/** Writes to a Redis as fast as it takes them, with and without the continuous log; and how far that is behind under a steady load. */
export async function benchArchive(options: BenchOptions): Promise<BenchResult> {
  await using s3 = await startS3();
  // Without a replica Redis keeps no backlog either: who has no archive does not pay for it.
  await using redis = await startRedis({ config: { ...BENCH_CONFIG, 'repl-backlog-ttl': '1' } });
  await redis.command('SET', 'there', 'is a base');
  await using ours = await startOurs({ redis, s3, profile: options.cpuProf, archive: true, note: options.note });
  const archiver = await startArchiver(ours, redis);
  await archiver.detach();
  const trial = await writes(redis, TRIAL_WRITES);
  const requests = Math.ceil((TRIAL_WRITES / trial.seconds) * RUN_SECONDS);
  const stored = () => bytesUnder(s3, 'backups', PREFIX);
  const contenders = [
    without(archiver, redis, requests),
    withReplica(archiver, redis, requests),
    withArchive(archiver, { redis, ours, requests, stored }),
  ];
  const runs = await alternate(contenders, options.runs, options.note);
  await archiver.detach();
  const report = compare('archive', runs, 'redis-backup', [WITHOUT, REPLICA]);
  return {
    report,
    about: `${requests} SETs of 100 bytes by redis-benchmark -P 16, then ${WRITES_A_SECOND} a second; medians of ${options.runs} runs in turn`,
    goals: goalsOf(report),
  };
}

function goalsOf({ ours, ratio }: Report): Goal[] {
  return [
    { what: 'time of the writers over that without archive', value: ratio[WITHOUT] ?? Number.NaN, atMost: 1 / 0.95 },
    { what: 'RPO at a steady load, p99, seconds', value: ours.more?.rpoP99Seconds ?? Number.NaN, atMost: 2 },
    { what: 'peak memory of the worker, MB', value: ours.rssMb ?? Number.NaN, atMost: LIMIT_MB },
  ];
}

interface Archiver {
  /** Resolves when it follows, and has stored all there is. */
  attach(): Promise<void>;
  detach(): Promise<void>;
}

async function startArchiver({ client }: Ours, redis: RedisServer): Promise<Archiver> {
  const workflowId = WORKFLOW_IDS.archive(INSTANCE);
  await client.workflow.start('archiveContinuously', { workflowId, taskQueue: QUEUES.ops, args: [{ instance: INSTANCE }] });
  const tell = (update: string) => client.workflow.getHandle(workflowId).executeUpdate(update, { args: [{ by: 'bench' }] });
  const archiver = {
    async attach() {
      await tell('attach');
      await untilStored(redis);
    },
    async detach() {
      await tell('detach');
      const without = async () => /repl_backlog_active:0/.test(String(await redis.command('INFO', 'replication')));
      await until(without, { seconds: 30, what: 'Redis has dropped its backlog' });
    },
  };
  await untilStored(redis);
  return archiver;
}

/** Everything that has been written until now. The archiver acknowledges what is stored, and nothing else. */
async function untilStored(redis: RedisServer): Promise<void> {
  await redis.command('SET', 'written', 'last');
  const { written } = await readOffsets(redis);
  await until(async () => (await readOffsets(redis)).stored >= written, { seconds: 120, what: 'all is stored' });
}

const without = (archiver: Archiver, redis: RedisServer, requests: number): Contender => ({
  name: WITHOUT,
  async run() {
    await archiver.detach();
    return writes(redis, requests);
  },
});

/** What Redis itself, and this machine, pay for anybody who follows. */
const withReplica = (archiver: Archiver, redis: RedisServer, requests: number): Contender => ({
  name: REPLICA,
  async run() {
    await archiver.detach();
    await using _ = await startRedis({ config: { ...BENCH_CONFIG, replicaof: `127.0.0.1 ${redis.port}` } });
    await untilStored(redis);
    return await whileFollowed(redis, requests); // awaited here: the replica ends with this function
  },
});

/** A load during which somebody follows from the first write to the last: else it would be measured without. */
async function whileFollowed(redis: RedisServer, requests: number): Promise<Run> {
  const synchronizations = async () => /sync_full:\d+/.exec(String(await redis.command('INFO', 'stats')))?.[0];
  const before = await synchronizations();
  const run = await writes(redis, requests);
  const isThere = (await readOffsets(redis)).stored >= 0;
  if (!isThere || (await synchronizations()) !== before) throw new Error('nobody followed during the whole load');
  return run;
}

interface WithArchive {
  redis: RedisServer;
  ours: Ours;
  requests: number;
  stored: () => number;
}

const withArchive = (archiver: Archiver, { redis, ours, requests, stored }: WithArchive): Contender => ({
  name: 'redis-backup',
  async run() {
    await archiver.attach();
    const [storedBefore, { written: before }] = [stored(), await readOffsets(redis)];
    const meter = ours.meter();
    const run = await whileFollowed(redis, requests);
    const ended = performance.now();
    const { written } = await readOffsets(redis);
    await untilStored(redis);
    const behindSeconds = (performance.now() - ended) / 1000;
    const { cpuSeconds } = meter.cost();
    const storedBytes = stored() - storedBefore;
    const lag = await lagWhileWriting(redis, WRITES_A_SECOND);
    const more = { ...run.more, behindSeconds, cpuSecondsPerGb: (cpuSeconds / (written - before)) * 1e9, ...lag };
    return { seconds: run.seconds, rssMb: meter.cost().rssMb, cpuSeconds, storedBytes, more };
  },
});

/** What redis-benchmark says of its own load, and what a write costs the thread of Redis that runs commands: the same on any number of cores. */
async function writes(redis: RedisServer, requests: number): Promise<Run> {
  const before = await cpuOfCommands(redis);
  const load = ['-t', 'set', '-d', '100', '-P', '16', '-c', '50', '-r', '100000', '-n', `${requests}`, '--csv'];
  const { stdout } = await measureCommand(findBinary('redis-benchmark'), ['-p', `${redis.port}`, ...load]);
  const [, perSecond, , , , , p99] = (/"SET",.*/.exec(stdout)?.[0] ?? '')
    .split(',')
    .map((text) => Number(text.replaceAll('"', '')));
  const writesPerSecond = perSecond ?? Number.NaN;
  const redisCpuMicrosecondsPerWrite = (((await cpuOfCommands(redis)) - before) / requests) * 1e6;
  const more = { writesPerSecond, writeP99Ms: p99 ?? Number.NaN, redisCpuMicrosecondsPerWrite };
  return { seconds: requests / writesPerSecond, more };
}

/** Seconds. */
async function cpuOfCommands(redis: RedisServer): Promise<number> {
  const info = String(await redis.command('INFO', 'cpu'));
  const of = (kind: string): number => Number(new RegExp(`used_cpu_${kind}_main_thread:([\\d.]+)`).exec(info)?.[1]);
  return of('user') + of('sys');
}
