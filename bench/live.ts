import { spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { WORKFLOW_IDS } from '../model/workflow-ids.ts';
import { killAtTheEnd } from '../test/support/processes.ts';
import type { RedisServer } from '../test/support/redis-server.ts';
import { startS3 } from '../test/support/s3-server.ts';
import { rdbWithKeys, redisWith } from './data.ts';
import { INSTANCE, type Ours, startOurs } from './ours.ts';
import { quantile } from './processes.ts';
import {
  alternate,
  type BenchOptions,
  type BenchResult,
  type Contender,
  compare,
  type Goal,
  LIMIT_MB,
  type Report,
} from './report.ts';
import { freshDirectory, load } from './restore.ts';

const OWN_LOAD = "Redis' own load";
/** Of the memory of one data set: two do not fit. */
const MAXMEMORY = 1.4;
const KEY = 'read-all-the-time';
const READ_EVERY_MS = 5;

/** A restore into a running Redis with as much data, which is read all the time, beside a Redis that loads the file itself. */
export async function benchLive(options: BenchOptions): Promise<BenchResult> {
  const { path, bytes } = await rdbWithKeys(options.keys, options.note);
  await using s3 = await startS3();
  await using redis = await redisWith(path);
  await redis.command('SET', KEY, 'there');
  const usedMemory = Number(await infoField(redis, 'used_memory'));
  await redis.command('CONFIG', 'SET', 'maxmemory', `${Math.round(usedMemory * MAXMEMORY)}`);
  await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
  await using ours = await startOurs({ redis, s3, profile: options.cpuProf, note: options.note });
  const { backupId } = await ours.store();
  const runs = await alternate([ownLoad(path), liveRestore(redis, ours, backupId)], options.runs, options.note);
  const report = compare('live', runs, 'redis-backup', [OWN_LOAD]);
  return {
    report,
    about: `${options.keys} keys over as many, RDB of ${(bytes / 1e6).toFixed(0)} MB, seconds in which writes are refused, medians of ${options.runs} runs in turn`,
    goals: goalsOf(report),
  };
}

function goalsOf({ ours, ratio }: Report): Goal[] {
  return [
    { what: "writes refused over Redis' own load", value: ratio[OWN_LOAD] ?? Number.NaN, atMost: 1.7 },
    { what: 'failed reads', value: ours.more?.failedReads ?? Number.NaN, atMost: 0 },
    { what: 'keys evicted', value: ours.more?.evictedKeys ?? Number.NaN, atMost: 0 },
    { what: 'peak memory of the worker, MB', value: ours.rssMb ?? Number.NaN, atMost: LIMIT_MB },
  ];
}

/** A Redis that is started anew with the file: what its log says of the load alone. */
const ownLoad = (rdb: string): Contender => ({
  name: OWN_LOAD,
  async run() {
    const directory = freshDirectory();
    copyFileSync(rdb, join(directory, 'dump.rdb'));
    const { seconds, loadSeconds } = await load(directory);
    return { seconds: loadSeconds, more: { untilItServesSeconds: seconds } };
  },
});

const liveRestore = (redis: RedisServer, ours: Ours, backupId: string): Contender => ({
  name: 'redis-backup',
  async run() {
    const evictedBefore = Number(await infoField(redis, 'evicted_keys'));
    const reads = await readAllTheTime(redis.port);
    const { report, cost } = await ours.restoreLive(backupId);
    const { latenciesMs, failures } = await reads.stop();
    if (!report.live) throw new Error('it was no live restore');
    if (report.live.load !== 'swapdb') throw new Error(`Redis loaded by ${report.live.load}`);
    return {
      ...cost,
      seconds: report.live.writesRefusedSeconds,
      more: {
        downloadSeconds: await secondsOf(ours.client, 'stageLive'),
        wholeSeconds: cost.seconds,
        reads: latenciesMs.length,
        failedReads: failures.length,
        readP99Ms: quantile(latenciesMs, 0.99),
        readMaxMs: quantile(latenciesMs, 1),
        evictedKeys: Number(await infoField(redis, 'evicted_keys')) - evictedBefore,
      },
    };
  },
});

interface Reads {
  latenciesMs: number[];
  failures: string[];
}

async function readAllTheTime(port: number): Promise<{ stop(): Promise<Reads> }> {
  const script = fileURLToPath(new URL('poll-reads.ts', import.meta.url));
  const child = killAtTheEnd(
    spawn(process.execPath, [script, `${port}`, KEY, `${READ_EVERY_MS}`], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  if (!child.stdout) throw new Error('the reader has no stdout');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => (await lines.next()).value ?? '{"latenciesMs":[],"failures":["it died"]}';
  await next(); // it has begun
  return {
    async stop() {
      child.kill('SIGTERM');
      return JSON.parse(await next()) as Reads;
    },
  };
}

/** How long a step took from the moment when a worker had it, by the history of the restore. */
async function secondsOf(client: Client, step: string): Promise<number> {
  const { events } = await client.workflow.getHandle(WORKFLOW_IDS.restore(INSTANCE)).fetchHistory();
  const scheduled = events?.find((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === step);
  const of = (id: unknown): boolean => `${id}` === `${scheduled?.eventId}`;
  const started = events?.find((event) => of(event.activityTaskStartedEventAttributes?.scheduledEventId));
  const completed = events?.find((event) => of(event.activityTaskCompletedEventAttributes?.scheduledEventId));
  const ms = (event: typeof started): number => Number(event?.eventTime?.seconds) * 1000 + Number(event?.eventTime?.nanos) / 1e6;
  return (ms(completed) - ms(started)) / 1000;
}

const infoField = async (redis: RedisServer, name: string): Promise<string | undefined> =>
  new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(String(await redis.command('INFO', 'everything')))?.[1];
