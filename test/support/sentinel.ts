import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import { findBinary } from './binaries.ts';
import { killAtTheEnd } from './processes.ts';
import { freePort } from './redis-server.ts';
import { until } from './until.ts';

export interface Sentinel extends AsyncDisposable {
  readonly client: RedisClient;
  /** Replicas that it has heard of, `host:port`. */
  replicas(): Promise<string[]>;
  /** Who is the primary by its opinion, `host:port`. */
  primary(): Promise<string>;
}

/** A real Sentinel that watches one Redis as `watched`, alone: quorum 1. */
export async function startSentinel(redisPort: number, downAfterMs = 30_000): Promise<Sentinel> {
  const home = mkdtempSync(join(tmpdir(), 'redis-backup-sentinel-'));
  const port = await freePort();
  const configFile = join(home, 'sentinel.conf');
  const lines = [`port ${port}`, 'bind 127.0.0.1', `dir ${home}`, `sentinel monitor watched 127.0.0.1 ${redisPort} 1`];
  writeFileSync(configFile, `${[...lines, `sentinel down-after-milliseconds watched ${downAfterMs}`].join('\n')}\n`);
  const child = killAtTheEnd(spawn(findBinary('redis-server'), [configFile, '--sentinel'], { stdio: 'ignore' }));
  const connection = { host: '127.0.0.1', port };
  await until(() => accepts(port), { what: 'the Sentinel listens' });
  const client = await openRedis(connection);
  await client.command('SENTINEL', 'DEBUG', 'INFO-PERIOD', '100'); // it looks every 10 s otherwise
  return {
    client,
    async replicas() {
      const found = (await client.command('SENTINEL', 'REPLICAS', 'watched')) as string[][];
      return found.map(([, name]) => name ?? '');
    },
    async primary() {
      return ((await client.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'watched')) as string[]).join(':');
    },
    async [Symbol.asyncDispose]() {
      client.close();
      child.kill('SIGKILL');
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false; // not yet
  } finally {
    socket.destroy();
  }
}
