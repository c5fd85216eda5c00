import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { parse, stringify } from 'yaml';
import type { BackupInput, BackupResult, RestoreInput, RestoreReport } from '../../model/operations.ts';
import { openRedis } from '../../redis/client/client.ts';
import { Repository } from '../../repository/repository.ts';
import { AS_SHIPPED } from './as-shipped.ts';
import { findBinary } from './binaries.ts';
import { openStore, type StoreLocation } from './open-store.ts';
import { killAtTheEnd } from './processes.ts';
import { type RedisOptions, type RedisServer, startRedis } from './redis-server.ts';
import { startTemporal, type TemporalOptions, type TemporalServer } from './temporal.ts';

export interface HouseOptions {
  redis?: RedisOptions;
  /** Where backups go; default a directory of its own. */
  store?: StoreLocation;
  /** Laid over the configuration of instance `main`. */
  instance?: Record<string, unknown>;
  temporal?: TemporalOptions;
  /** Default true. */
  withWorker?: boolean;
  /** Shares the Temporal of another one. */
  beside?: House;
  /** Name in the configuration. */
  deployment?: string;
  /** Laid over the configuration of the worker. */
  worker?: Record<string, unknown>;
  /** Further instances, by name: what they lay over `main`. */
  others?: (redis: RedisServer, dir: string) => Record<string, Record<string, unknown>>;
}

/** redis-backup.yaml, as far as tests change it. */
export interface HouseConfig {
  repository: Record<string, unknown>;
  worker: Record<string, unknown>;
  instances: Record<string, Record<string, unknown>>;
}

/** A whole installation as a person has it: Temporal, a Redis that the worker stops and starts, a worker process, a configuration file. */
export class House {
  readonly dir = mkdtempSync(join(tmpdir(), 'redis-backup-house-'));
  readonly redis: RedisServer;
  readonly temporal: TemporalServer;
  readonly client: Client;
  readonly repository: Repository;
  readonly configFile: string;
  #worker: ChildProcess | undefined;
  #log = '';
  readonly #isGuest: boolean;

  private constructor(redis: RedisServer, temporal: TemporalServer, client: Client, options: HouseOptions) {
    const { store, instance, others, worker } = options;
    this.redis = redis;
    this.temporal = temporal;
    this.client = client;
    const backups = join(this.dir, 'backups');
    mkdirSync(backups);
    const location: StoreLocation = store ?? { kind: 'file', directory: backups };
    this.repository = new Repository(openStore(location));
    this.configFile = join(this.dir, 'redis-backup.yaml');
    writeFileSync(join(this.dir, 'steps'), '');
    this.#isGuest = options.beside !== undefined;
    const config = configOf(redis, temporal, location, instance);
    if (options.deployment) config.deployment = options.deployment;
    Object.assign(config.worker, worker);
    for (const [name, own] of Object.entries(others?.(redis, this.dir) ?? {})) {
      config.instances[name] = { ...config.instances.main, ...own };
    }
    writeFileSync(this.configFile, stringify(config));
  }

  static async open(options: HouseOptions = {}): Promise<House> {
    const [redis, temporal] = await Promise.all([
      startRedis(options.redis),
      options.beside?.temporal ?? startTemporal(options.temporal),
    ]);
    const house = new House(redis, temporal, await temporal.client(), options);
    if (options.withWorker !== false) await house.startWorker();
    return house;
  }

  /**
   * @param fate - see worker-process.ts
   * @param env - for this worker only
   * @param user - as whom, where that is not us
   */
  async startWorker(
    fate?: string,
    env: Record<string, string> = {},
    user: { uid?: number; gid?: number } = {},
  ): Promise<ChildProcess> {
    const script = fileURLToPath(new URL('worker-process.ts', import.meta.url));
    const worker = spawn(process.execPath, [...AS_SHIPPED.flags, script, this.configFile, ...(fate ? [fate] : [])], {
      ...user,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...AS_SHIPPED.env, ...SECRETS, STEPS_FILE: join(this.dir, 'steps'), ...env },
    });
    worker.stderr.on('data', (text) => {
      this.#log += text;
    });
    this.#worker = killAtTheEnd(worker);
    await new Promise<void>((resolve, reject) => {
      worker.stdout.once('data', () => resolve());
      worker.once('exit', (code) => reject(new Error(`the worker ended with ${code}: ${this.#log.slice(-2000)}`)));
    });
    return worker;
  }

  /** Replaces the worker by one that meets a fate, and when it has, by a healthy one. */
  async startDoomedWorker(fate: string): Promise<{ met: Promise<void> }> {
    await this.killWorker();
    const doomed = await this.startWorker(fate);
    const met = new Promise((resolve) => doomed.once('exit', resolve)).then(async () => {
      await this.startWorker();
    });
    return { met };
  }

  /** Changes redis-backup.yaml, and replaces the worker by one that reads it. */
  async reconfigure(change: (config: HouseConfig) => void): Promise<void> {
    const config = parse(readFileSync(this.configFile, 'utf8')) as HouseConfig;
    change(config);
    writeFileSync(this.configFile, stringify(config));
    await this.killWorker();
    await this.startWorker();
  }

  async killWorker(): Promise<void> {
    const worker = this.#worker;
    if (!worker || worker.exitCode !== null || worker.signalCode !== null) return;
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    worker.kill('SIGKILL');
    await gone;
  }

  /** Of the worker that was started last. */
  get workerPid(): number | undefined {
    return this.#worker?.pid;
  }

  /** What the workers logged. */
  get log(): string {
    return this.#log;
  }

  /** The steps that workers have begun, in order. */
  get steps(): string[] {
    return readFileSync(join(this.dir, 'steps'), 'utf8').split('\n').filter(Boolean);
  }

  backup(input: Partial<BackupInput> = {}): Promise<BackupResult> {
    const args = [{ instance: 'main', ...input }];
    return this.client.workflow.execute('backupSnapshot', { workflowId: 'backup/main', taskQueue: 'redis-ops', args });
  }

  startRestore(input: Partial<RestoreInput> = {}) {
    const args = [{ instance: 'main', backupId: 'latest', strategy: 'replace', ...input }];
    return this.client.workflow.start('restoreFromRdb', { workflowId: 'restore/main', taskQueue: 'redis-ops', args });
  }

  async restore(input: Partial<RestoreInput> = {}): Promise<RestoreReport> {
    return (await this.startRestore(input)).result() as Promise<RestoreReport>;
  }

  /** What the Reset button of the Web UI does, at the last decision of the workflow. */
  async reset(workflowId: string): Promise<void> {
    const { events } = await this.client.workflow.getHandle(workflowId).fetchHistory();
    const last = (events ?? []).findLast((event) => event.workflowTaskCompletedEventAttributes);
    await this.client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId },
      reason: 'test',
      workflowTaskFinishEventId: Number(last?.eventId) as never, // the type asks for Long, the wire takes a number
      requestId: crypto.randomUUID(),
    });
  }

  /** Runs the `redis-backup` command as a person does. */
  command(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const script = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
    const options = {
      env: { ...process.env, ...AS_SHIPPED.env, ...SECRETS, REDIS_BACKUP_CONFIG: this.configFile },
      maxBuffer: 1 << 26,
    };
    return new Promise((resolve) => {
      execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
      });
    });
  }

  /** One Redis command over a connection of its own: the server is another one after a restore. */
  async ask(...args: string[]): Promise<unknown> {
    using client = await openRedis(this.redis.connection);
    return await client.command(...args);
  }

  async isLocked(instance = 'main'): Promise<boolean> {
    const lock = await this.client.workflow
      .getHandle(`lock/${instance}`)
      .describe()
      .catch(() => undefined); // there never was one
    return lock?.status.name === 'RUNNING';
  }

  async close(): Promise<void> {
    await this.killWorker();
    if (!this.#isGuest) await this.temporal.stop();
    await this.#killRedis();
    await this.redis[Symbol.asyncDispose]();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** A Redis that the worker started is not a child of ours. */
  async #killRedis(): Promise<void> {
    const info = await this.ask('INFO', 'server').catch(() => '');
    const pid = Number(/process_id:(\d+)/.exec(String(info))?.[1]);
    if (pid) process.kill(pid, 'SIGKILL');
  }
}

/** Secrets reach the worker by its environment, as the configuration says. */
const SECRETS: Record<string, string> = {};

function configOf(
  redis: RedisServer,
  temporal: TemporalServer,
  store: StoreLocation,
  instance: Record<string, unknown> = {},
): HouseConfig & Record<string, unknown> {
  const { password, socketPath } = redis.connection;
  if (password) SECRETS.HOUSE_REDIS_PASSWORD = password;
  return {
    repository: repositoryOf(store),
    temporal: { address: temporal.address },
    worker: { host: 'here' },
    instances: {
      main: {
        url: socketPath ? `unix://${socketPath}` : `redis://127.0.0.1:${redis.port}`,
        ...(password ? { password: { env: 'HOUSE_REDIS_PASSWORD' } } : {}),
        platform: {
          type: 'process',
          configFile: redis.configFile,
          start: { command: [findBinary('redis-server'), redis.configFile] },
        },
        ...instance,
      },
    },
  };
}

function repositoryOf(store: StoreLocation): Record<string, unknown> {
  if (store.kind === 'file') return { url: `file://${store.directory}` };
  SECRETS.HOUSE_S3_KEY_ID = store.credentials?.accessKeyId ?? '';
  SECRETS.HOUSE_S3_SECRET = store.credentials?.secretAccessKey ?? '';
  return {
    url: `s3://${store.bucket}/${store.prefix}`,
    endpoint: store.endpoint,
    accessKeyId: { env: 'HOUSE_S3_KEY_ID' },
    secretAccessKey: { env: 'HOUSE_S3_SECRET' },
  };
}
