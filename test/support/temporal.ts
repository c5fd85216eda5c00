import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../../model/operations.ts';
import { findBinary } from './binaries.ts';
import { killAtTheEnd } from './processes.ts';

/** A real Temporal server on free ports, its data in a file of its own so that it can be restarted. */
export interface TemporalServer {
  readonly address: string;
  readonly namespace: 'default';
  /** Address of the Web UI, if it was asked for. */
  readonly ui?: string;
  client(): Promise<Client>;
  /** kill -9, the way a machine dies. */
  kill(): Promise<void>;
  /** On the same port, with the same data. */
  start(): Promise<void>;
  /** Comes back on the same port without its memory: no histories, no search attributes. */
  forget(): Promise<void>;
  stop(): Promise<void>;
}

export interface TemporalOptions {
  /** Registers ours at the start, as `scripts/setup` tells people to. Default true. */
  withSearchAttributes?: boolean;
  /** Serves the Web UI, too. Default false. */
  withUi?: boolean;
  /** Address of this machine that it is reached at. Default 127.0.0.1; with another one it listens on all. */
  ip?: string;
  /** Settings of the server, such as `limit.historyCount.suggestContinueAsNew`. */
  dynamicConfig?: Record<string, string | number>;
}

const LOOPBACK = '127.0.0.1';

export async function startTemporal({
  withSearchAttributes = true,
  withUi = false,
  ip = LOOPBACK,
  dynamicConfig = {},
}: TemporalOptions = {}): Promise<TemporalServer> {
  const dir = await mkdtemp(join(tmpdir(), 'redis-backup-temporal-'));
  const port = await freePort();
  const address = `${ip}:${port}`;
  const uiPort = withUi ? await freePort() : undefined;
  const connections: Connection[] = [];
  let child: ReturnType<typeof spawn> | undefined;
  const attributes = withSearchAttributes
    ? Object.values(SEARCH_ATTRIBUTES).flatMap((name) => ['--search-attribute', `${name}=Keyword`])
    : [];
  const settings = Object.entries(dynamicConfig).flatMap(([name, value]) => ['--dynamic-config-value', `${name}=${value}`]);

  const server: TemporalServer = {
    address,
    namespace: 'default',
    ...(uiPort ? { ui: `http://127.0.0.1:${uiPort}` } : {}),
    async client() {
      const connection = await Connection.connect({ address });
      connections.push(connection);
      return new Client({ connection });
    },
    async start() {
      const database = ['--db-filename', join(dir, 'temporal.db')];
      const args = [
        'server',
        'start-dev',
        ...(uiPort ? ['--ui-port', String(uiPort)] : ['--headless']),
        ...(ip === LOOPBACK ? [] : ['--ip', '0.0.0.0']), // bound to one address, its parts do not find each other
        '--port',
        String(port),
        '--log-level',
        'error',
        ...database,
        ...attributes,
        ...settings,
      ];
      for (let tries = 1; ; tries++) {
        child = killAtTheEnd(spawn(findBinary('temporal'), args, { stdio: 'ignore' }));
        if (await isServing(address, child)) return;
        // Beside the port that we give it, it takes some of its own, and they may be taken in that moment.
        if (tries === 3) throw new Error(`temporal server ended with code ${child.exitCode}, ${tries} times`);
      }
    },
    async kill() {
      if (!child || child.exitCode !== null) return;
      const gone = new Promise((resolve) => child?.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
    async forget() {
      await server.kill();
      for (const file of await readdir(dir)) await rm(join(dir, file), { force: true });
      attributes.length = 0;
      await server.start();
    },
    async stop() {
      await Promise.all(connections.map((connection) => connection.close()));
      await server.kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/** Waits until it serves. False: it has ended. */
async function isServing(address: string, child: ReturnType<typeof spawn>): Promise<boolean> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: '2 seconds' });
      await connection.workflowService.describeNamespace({ namespace: 'default' });
      await connection.operatorService.listSearchAttributes({ namespace: 'default' });
      await connection.close();
      return true;
    } catch (error) {
      if (child.exitCode !== null) return false;
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** A port that nobody listens on now. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
