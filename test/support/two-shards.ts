import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { main } from '../../cli/program.ts';
import type { Config, InstanceConfig } from '../../config/config.ts';
import { parseConfig } from '../../config/load.ts';
import { installRuntime } from '../../worker/runtime.ts';
import { type RunningWorkers, startWorkers } from '../../worker/start.ts';
import { Captured, type Said } from '../cli/support/command.ts';
import { findBinary } from './binaries.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { freePort, startTemporal, type TemporalServer } from './temporal.ts';

/** An instance `main` of two Redis, as no file can say it yet: a worker in this process, and commands that are given the same object. */
export class TwoShards implements AsyncDisposable {
  readonly redis: readonly [RedisServer, RedisServer];
  readonly config: Config;
  readonly client: Client;
  readonly #metricsPort: number;
  readonly #temporal: TemporalServer;
  readonly #dir: string;
  readonly #workers: RunningWorkers;
  readonly #running: Promise<void>;

  private constructor(parts: Pick<TwoShards, 'redis' | 'config' | 'client'>, owned: Owned) {
    this.redis = parts.redis;
    this.config = parts.config;
    this.client = parts.client;
    this.#metricsPort = owned.metricsPort;
    this.#temporal = owned.temporal;
    this.#dir = owned.dir;
    this.#workers = owned.workers;
    this.#running = owned.workers.run();
  }

  static async open(): Promise<TwoShards> {
    installRuntime('ERROR');
    const [temporal, first, second, dir, metricsPort] = await Promise.all([
      startTemporal(),
      startRedis(),
      startRedis(),
      mkdtemp(join(tmpdir(), 'redis-backup-shards-')),
      freePort(),
    ]);
    const config = configOf([first, second], { temporal, dir, metricsPort });
    const workers = await startWorkers(config);
    const client = await temporal.client();
    return new TwoShards({ redis: [first, second], config, client }, { temporal, dir, metricsPort, workers });
  }

  /** Runs `redis-backup` in this process. */
  async command(...args: string[]): Promise<Said> {
    const [stdout, stderr] = [new Captured(), new Captured()];
    const config = async () => this.config;
    const code = await main(args, { interrupt: new AbortController().signal, streams: { stdout, stderr }, config });
    return { code, stdout: stdout.text, stderr: stderr.text };
  }

  /** What the worker says of one figure, by whom it is of. */
  async figure(name: string): Promise<Record<string, number>> {
    const text = await (await fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`)).text();
    const lines = text.matchAll(new RegExp(`^${name}\\{instance="(.*)"\\} (.*)$`, 'gm'));
    return Object.fromEntries([...lines].map(([, instance, value]) => [instance, Number(value)]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#workers.shutdown();
    await this.#running;
    await this.#temporal.stop();
    for (const redis of this.redis) await redis[Symbol.asyncDispose]();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

interface Owned extends Made {
  workers: RunningWorkers;
}

interface Made {
  temporal: TemporalServer;
  dir: string;
  metricsPort: number;
}

function configOf(redis: readonly [RedisServer, RedisServer], { temporal, dir, metricsPort }: Made): Config {
  const alone = ['main', 'other'].map((name, at) => [name, entryOf(redis[at] as RedisServer)]);
  const file = {
    repository: { url: `file://${dir}` },
    temporal: { address: temporal.address },
    worker: { host: 'here', metrics: { port: metricsPort } },
    instances: Object.fromEntries(alone),
  };
  const config = parseConfig(JSON.stringify(file), join(dir, 'redis-backup.yaml'));
  const { main: whole, other } = config.instances as Record<'main' | 'other', InstanceConfig>;
  const shards = [...whole.shards, ...other.shards].map((shard, at) => ({ ...shard, id: String(at) }));
  return { ...config, instances: { main: { ...whole, shards } } };
}

const entryOf = (redis: RedisServer) => ({
  url: `redis://127.0.0.1:${redis.port}`,
  platform: {
    type: 'process',
    configFile: redis.configFile,
    start: { command: [findBinary('redis-server'), redis.configFile] },
  },
  archive: { segmentAge: '1s' },
  recovery: { warmup: { window: '1s', windows: 1, minLookups: 1, target: 0, limit: '2s' } },
  watch: {},
});
