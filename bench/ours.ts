import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import {
  type BackupInput,
  type BackupResult,
  QUEUES,
  type RestoreInput,
  type RestoreReport,
  type RestoreResult,
  type StoredBackup,
} from '../model/operations.ts';
import { WORKFLOW_IDS } from '../model/workflow-ids.ts';
import { findBinary } from '../test/support/binaries.ts';
import { killAtTheEnd } from '../test/support/processes.ts';
import type { RedisServer } from '../test/support/redis-server.ts';
import type { S3Server } from '../test/support/s3-server.ts';
import { startTemporal } from '../test/support/temporal.ts';
import { type Cost, ProcessMeter } from './processes.ts';
import { hottest } from './profile.ts';
import type { Contender, Run } from './report.ts';
import { endOfSteps } from './steps.ts';
import { removeUnder } from './stored.ts';

export const PREFIX = 'bench';
export const INSTANCE = 'bench';
const CLI = fileURLToPath(new URL('../cli/redis-backup', import.meta.url));

/** A real worker under a real Temporal, which backs this Redis up to this S3 server. */
export interface Ours extends AsyncDisposable {
  backup(options: { uncompressedFork: boolean }): Contender;
  /** Takes a snapshot that stays. */
  store(): Promise<StoredBackup>;
  /** Runs `restoreFromRdb`; `seconds` is what `isServing` waited for, from the start of the workflow on. */
  restore(backupId: string, isServing: () => Promise<void>): Promise<Run & { wholeSeconds: number }>;
  /** Restores without a stop of Redis. */
  restoreLive(backupId: string): Promise<{ report: RestoreReport; cost: Cost }>;
  /** For all that is asked of the worker otherwise. */
  client: Client;
  /** Measures the worker from now on. */
  meter(): ProcessMeter;
}

export interface OursOptions {
  redis: RedisServer;
  s3: S3Server;
  profile: boolean;
  /** With a continuous log configured; `archiveContinuously` is not started. */
  archive?: boolean;
  note: (text: string) => void;
}

export async function startOurs({ redis, s3, profile, archive = false, note }: OursOptions): Promise<Ours> {
  const directory = mkdtempSync(join(tmpdir(), 'redis-backup-bench-'));
  const temporal = await startTemporal();
  const config = join(directory, 'redis-backup.yaml');
  writeFileSync(config, configText(redis, s3, temporal.address, archive));
  const worker = await startWorker(config, s3, profile ? directory : undefined);
  const client = await temporal.client();
  const take = (instance: string) => takeBackup(client, instance);
  const meter = () => new ProcessMeter(worker.pid ?? 0);

  return {
    backup: ({ uncompressedFork }) => ({
      name: 'redis-backup',
      async run() {
        const metered = meter();
        const stored = await take(uncompressedFork ? `${INSTANCE}-uncompressed` : INSTANCE);
        const cost = metered.cost();
        removeUnder(s3, 'backups', PREFIX);
        return { ...cost, storedBytes: stored.storedBytes };
      },
    }),
    store: () => take(INSTANCE),
    async restore(backupId, isServing) {
      const metered = meter();
      const running = restore(client, backupId, 'replace');
      const serving = isServing().then(() => metered.secondsSoFar());
      await running;
      const cost = metered.cost();
      const more = await endOfSteps(client, WORKFLOW_IDS.restore(INSTANCE), RESTORE_STEPS);
      return { ...cost, seconds: await serving, wholeSeconds: cost.seconds, more };
    },
    async restoreLive(backupId) {
      const metered = meter();
      const report = await restore(client, backupId, 'live');
      return { report, cost: metered.cost() };
    },
    client,
    meter,
    async [Symbol.asyncDispose]() {
      const gone = once(worker, 'exit');
      worker.kill('SIGTERM');
      await gone;
      if (profile)
        for (const file of readdirSync(directory)) if (file.endsWith('.cpuprofile')) note(hottest(join(directory, file)));
      await temporal.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function takeBackup(client: Client, instance: string): Promise<StoredBackup> {
  const input: BackupInput = { instance, reason: 'manual' };
  const result = await execute<BackupResult>(client, 'backupSnapshot', WORKFLOW_IDS.backup(instance), input);
  const [stored] = result.outcome === 'stored' ? result.backups : [];
  if (!stored) throw new Error(`the backup ended as ${JSON.stringify(result)}`);
  return stored;
}

async function restore(client: Client, backupId: string, strategy: RestoreInput['strategy']): Promise<RestoreReport> {
  const input: RestoreInput = { instance: INSTANCE, backupId, strategy };
  const result = await execute<RestoreResult>(client, 'restoreFromRdb', WORKFLOW_IDS.restore(INSTANCE), input);
  if (result.outcome !== 'restored') throw new Error(`the restore ended as ${result.outcome}`);
  return result;
}

const execute = <T>(client: Client, type: string, workflowId: string, input: object): Promise<T> =>
  client.workflow.execute(type, { workflowId, taskQueue: QUEUES.ops, args: [input] }) as Promise<T>;

/** Of a restore: where the time until Redis has loaded goes. */
const RESTORE_STEPS = ['planRestore', 'stageBackup', 'stopServer', 'replaceData', 'startServer', 'awaitServing'];

/** As it comes, but for a Redis that has only just been started. */
const ARCHIVE = `
    archive: { restartDelay: 1s }`;

/** Twice the same Redis: with `rdbcompression` as it is, and turned off at the fork. */
function configText(redis: RedisServer, s3: S3Server, address: string, archive: boolean): string {
  const instance = (uncompressedFork: boolean): string => `
    url: redis://127.0.0.1:${redis.port}
    platform:
      type: process
      host: bench
      configFile: ${redis.configFile}
      start: { command: [${findBinary('redis-server')}, ${redis.configFile}], logFile: ${redis.logFile} }
    backup: { uncompressedFork: ${uncompressedFork} }${archive && !uncompressedFork ? ARCHIVE : ''}`;
  return `repository:
  url: s3://backups/${PREFIX}
  endpoint: ${s3.endpoint}
  accessKeyId: { env: BENCH_ACCESS_KEY }
  secretAccessKey: { env: BENCH_SECRET_KEY }
temporal: { address: "${address}", namespace: default }
worker: { host: bench }
instances:
  ${INSTANCE}:${instance(false)}
  ${INSTANCE}-uncompressed:${instance(true)}
`;
}

/** Resolves when the worker says that it is ready. */
async function startWorker(config: string, s3: S3Server, profileTo: string | undefined): Promise<ChildProcess> {
  const profiling = profileTo === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileTo}` };
  const credentials = { BENCH_ACCESS_KEY: s3.credentials.accessKeyId, BENCH_SECRET_KEY: s3.credentials.secretAccessKey };
  const worker = killAtTheEnd(
    spawn(CLI, ['worker', '--config', config], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...credentials, ...profiling },
    }),
  );
  if (!worker.stderr) throw new Error('the worker has no stderr');
  const said: string[] = [];
  const lines = createInterface({ input: worker.stderr });
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      said.push(line);
      if (line.includes('worker is ready')) resolve();
    });
    worker.once('exit', (code) => reject(new Error(`the worker ended with code ${code}:\n${said.slice(-40).join('\n')}`)));
  });
  return worker;
}
