import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { openRedis } from '../../../redis/client/client.ts';
import { AS_SHIPPED } from '../../support/as-shipped.ts';
import { killAtTheEnd } from '../../support/processes.ts';
import { type S3Server, startS3 } from '../../support/s3-server.ts';
import { startTemporal, type TemporalServer } from '../../support/temporal.ts';
import { until } from '../../support/until.ts';
import { NODE_ADDRESS } from '../node/settings.ts';
import { openRedisInPod, type RedisInPod } from './redis-in-pod.ts';
import { loadWorkerImage } from './worker-image.ts';

const LAUNCHER = join(import.meta.dirname, '../../../cli/redis-backup');

/** A whole installation around a Redis in a pod: Temporal, a store, and a worker outside of the cluster that may act in it. */
export class ClusterHouse implements AsyncDisposable {
  readonly redis: RedisInPod;
  readonly client: Client;
  readonly #temporal: TemporalServer;
  readonly #s3: S3Server;
  readonly #dir = mkdtempSync(join(tmpdir(), 'redis-backup-cluster-'));
  #worker: ChildProcess | undefined;
  #log = '';

  private constructor(redis: RedisInPod, temporal: TemporalServer, client: Client, s3: S3Server) {
    [this.redis, this.#temporal, this.client, this.#s3] = [redis, temporal, client, s3];
  }

  static async open(): Promise<ClusterHouse> {
    loadWorkerImage();
    const [temporal, s3] = await Promise.all([startTemporal({ ip: NODE_ADDRESS }), startS3(NODE_ADDRESS)]);
    const house = new ClusterHouse(openRedisInPod(), temporal, await temporal.client(), s3);
    house.redis.become();
    house.#configure();
    await house.#startWorker();
    await until(() => house.ask('PING').then(Boolean, () => false), { what: 'Redis serves' });
    return house;
  }

  get #secrets(): Record<string, string> {
    const { accessKeyId, secretAccessKey } = this.#s3.credentials;
    return { S3_KEY_ID: accessKeyId, S3_SECRET: secretAccessKey };
  }

  get #configFile(): string {
    return join(this.#dir, 'redis-backup.yaml');
  }

  #configure(): void {
    const { host, port } = this.redis.address();
    const config = {
      repository: {
        url: 's3://backups/cluster',
        endpoint: this.#s3.endpoint,
        accessKeyId: { env: 'S3_KEY_ID' },
        secretAccessKey: { env: 'S3_SECRET' },
      },
      temporal: { address: this.#temporal.address },
      instances: { main: { url: `redis://${host}:${port}`, platform: this.redis.platform() } },
    };
    writeFileSync(this.#configFile, JSON.stringify(config));
    this.redis.configureHelper(config, this.#secrets);
  }

  async #startWorker(): Promise<void> {
    const worker = spawn(LAUNCHER, ['worker', '--config', this.#configFile], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...AS_SHIPPED.env, ...this.#secrets },
    });
    this.#worker = killAtTheEnd(worker);
    await new Promise<void>((resolve, reject) => {
      worker.stderr.on('data', (text) => {
        this.#log += text;
        if (/worker is ready/.test(this.#log)) resolve();
      });
      worker.once('exit', (code) => reject(new Error(`the worker ended with ${code}: ${this.#log.slice(-2000)}`)));
    });
  }

  async #killWorker(): Promise<void> {
    const gone = new Promise((resolve) => this.#worker?.once('exit', resolve));
    if (this.#worker?.kill('SIGKILL')) await gone;
  }

  execute(type: string, id: string, input: object): Promise<unknown> {
    const options = { workflowId: `${id}/main`, taskQueue: 'redis-ops', args: [{ instance: 'main', ...input }] };
    return this.client.workflow.execute(type, options);
  }

  async ask(...args: string[]): Promise<unknown> {
    using client = await openRedis(this.redis.address());
    return await client.command(...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#killWorker();
    await this.redis[Symbol.asyncDispose]();
    await this.#temporal.stop();
    await this.#s3.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
