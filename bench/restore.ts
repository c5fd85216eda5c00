import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { findBinary } from '../test/support/binaries.ts';
import { freePort, type RedisServer } from '../test/support/redis-server.ts';
import { type S3Server, startS3 } from '../test/support/s3-server.ts';
import { rdbWithKeys, redisWith } from './data.ts';
import { startOurs } from './ours.ts';
import { walg } from './peers.ts';
import { runJob } from './pipeline.ts';
import { ProcessMeter } from './processes.ts';
import { alternate, type BenchOptions, type BenchResult, type Contender, compare, type Run } from './report.ts';

const BASELINE = 'load + download';

/** From the object store to a Redis that has loaded it all, beside what cannot be saved: the load and the download. */
export async function benchRestore(options: BenchOptions): Promise<BenchResult> {
  const { path, bytes } = await rdbWithKeys(options.keys, options.note);
  await using s3 = await startS3();
  await using redis = await redisWith(path);
  const others = await peers(redis, s3, path, options.note);
  const own = options.pipeline ? await withoutTemporal(redis, s3) : await withWorker(redis, s3, options);
  try {
    const contenders = [...others(own.objectKey), own.contender];
    const runs = await alternate(contenders, options.runs, options.note);
    const report = compare(options.pipeline ? 'restore --pipeline' : 'restore', runs, 'redis-backup', [BASELINE, 'wal-g']);
    const value = report.ratio[BASELINE] ?? Number.NaN;
    return {
      report,
      about: `${options.keys} keys, RDB of ${(bytes / 1e6).toFixed(0)} MB, until loading:0, medians of ${options.runs} runs in turn`,
      goals: [{ what: `time over Redis' own load and the bare download`, value, atMost: 1.3 }],
    };
  } finally {
    await own.close();
  }
}

interface Own {
  contender: Contender;
  /** Of the stored snapshot, in the bucket. */
  objectKey: string;
  close(): Promise<void>;
}

/** The whole workflow: plan, safety snapshot, stop, aside, replace, start, verify. The clock stops at `loading:0`. */
async function withWorker(redis: RedisServer, s3: S3Server, { note, cpuProf }: BenchOptions): Promise<Own> {
  const ours = await startOurs({ redis, s3, profile: cpuProf, note });
  const { backupId } = await ours.store();
  return {
    objectKey: `bench/bench/0/snapshots/${backupId}/dump.rdb.zst`,
    contender: {
      name: 'redis-backup',
      async run() {
        await ask(redis.port, 'FLUSHALL');
        const before = runIdOf(await ask(redis.port, 'INFO server'));
        const run = await ours.restore(backupId, () => untilLoaded(redis.port, before));
        note(`the whole workflow: ${run.wholeSeconds.toFixed(2)} s`);
        return run;
      },
    },
    async close() {
      await ask(redis.port, 'SHUTDOWN NOSAVE').catch(() => undefined); // the process that the worker started
      await ours[Symbol.asyncDispose]();
    },
  };
}

/** Only the rooms: download, verify, decompress to a file, and a Redis that loads it. */
async function withoutTemporal(redis: RedisServer, s3: S3Server): Promise<Own> {
  const store = s3.location('pipeline');
  const backupId = '20260101T000000Z';
  const { stored, rdbBytes } = await runJob({ kind: 'backup', stage: 'store', port: redis.port, store, backupId });
  if (!stored) throw new Error('nothing was stored');
  const run = async (): Promise<Run> => {
    const directory = freshDirectory();
    const cost = await runJob({ kind: 'restore', stored, rdbBytes, store, backupId, file: join(directory, 'dump.rdb') });
    const loaded = await load(directory);
    return { ...cost, seconds: cost.seconds + loaded.seconds };
  };
  const objectKey = `${store.prefix}/bench/0/snapshots/${backupId}/${stored.file}`;
  return { contender: { name: 'redis-backup', run }, objectKey, close: async () => undefined };
}

async function peers(
  redis: RedisServer,
  s3: S3Server,
  rdb: string,
  note: (line: string) => void,
): Promise<(objectKey: string) => Contender[]> {
  const theirs = walg(redis.port, s3);
  if (theirs) rmSync(await fetched(theirs), { recursive: true }); // their push, before the data goes
  const baseline = (objectKey: string): Contender => ({
    name: BASELINE,
    async run() {
      await load(directoryWith(rdb)); // as for us, whose Redis has only just been stopped: memory used before is faster
      const directory = directoryWith(rdb);
      const downloaded = await download(s3, objectKey);
      const loaded = await load(directory);
      note(`${BASELINE}: download ${downloaded.toFixed(2)} s, load ${loaded.seconds.toFixed(2)} s`);
      return { seconds: downloaded + loaded.seconds };
    },
  });
  const wal: Contender[] = theirs
    ? [
        {
          name: theirs.name,
          async run() {
            const directory = freshDirectory();
            const cost = await theirs.fetch(directory);
            return { ...cost, seconds: cost.seconds + (await load(directory)).seconds };
          },
        },
      ]
    : [];
  return (objectKey) => [baseline(objectKey), ...wal];
}

/** On disk, as ours is before Redis loads it: pages that are still being written make a load slower. */
function directoryWith(rdb: string): string {
  const directory = freshDirectory();
  const copy = join(directory, 'dump.rdb');
  copyFileSync(rdb, copy);
  const file = openSync(copy, 'r+');
  fsyncSync(file);
  closeSync(file);
  return directory;
}

async function fetched(theirs: NonNullable<ReturnType<typeof walg>>): Promise<string> {
  const directory = freshDirectory();
  await theirs.fetch(directory);
  return directory;
}

/** Seconds for the object alone, into nothing. */
async function download({ endpoint, credentials }: S3Server, key: string): Promise<number> {
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { ...credentials } });
  const begun = performance.now();
  const { Body } = await client.send(new GetObjectCommand({ Bucket: 'backups', Key: key }));
  for await (const _ of Body as AsyncIterable<Uint8Array>);
  client.destroy();
  return (performance.now() - begun) / 1000;
}

export const freshDirectory = (): string => mkdtempSync(join(tmpdir(), 'redis-backup-bench-restore-'));

/** Starts a Redis over the dump.rdb of this directory; seconds until it serves, and of these by its own log for the load. Removes the directory. */
export async function load(directory: string): Promise<Run & { loadSeconds: number }> {
  const port = await freePort();
  const args = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    '--save',
    '',
    '--logfile',
    join(directory, 'log'),
  ];
  const server = spawn(findBinary('redis-server'), args, { stdio: 'ignore' });
  const meter = new ProcessMeter(server.pid ?? 0);
  try {
    await untilLoaded(port, '');
    const seconds = meter.secondsSoFar();
    const [, loaded] = /DB loaded from disk: ([\d.]+) seconds/.exec(readFileSync(join(directory, 'log'), 'utf8')) ?? [];
    return { seconds, loadSeconds: Number(loaded) };
  } finally {
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
    rmSync(directory, { recursive: true, force: true });
  }
}

const runIdOf = (info: string): string => /run_id:(\w+)/.exec(info)?.[1] ?? '';

/** Waits for another Redis process than this one, with its data loaded. */
async function untilLoaded(port: number, previousRunId: string): Promise<void> {
  for (;;) {
    const info = await ask(port, 'INFO').catch(() => ''); // stopped, or not yet there
    if (/^loading:0/m.test(info) && runIdOf(info) !== previousRunId) return;
    await sleep(20);
  }
}

/** One command on a connection of its own, as plain text. */
async function ask(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
  socket.end(`${command}\r\nQUIT\r\n`);
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  return answer;
}
