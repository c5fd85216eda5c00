import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FilesPart } from '../../activities/dependencies.ts';
import type { ProcessConfig } from '../../config/config.ts';
import { RecoveryError } from '../../model/errors.ts';
import type { Control, PlatformStatus } from '../../platforms/platform.ts';
import { openProcessPlatform } from '../../platforms/process/process-platform.ts';
import type { OwnEndpoint } from '../../redis/client/connection.ts';
import type { OpenParts, PlatformParts } from '../../worker/parts.ts';
import { until } from './until.ts';

/** Where redis.conf says that the data is, as in a container. No such directory is on this machine. */
const DATA_BY_CONF = '/fake-remote/data';
const NEEDS_GONE = 'somebody has its volume';

export interface FakeRemote {
  /** Of this platform: who has the volume stands there, and each helper works in a directory of its own. */
  home: string;
  /** The command of a helper: it serves the queue that stands behind it, prints a line when it is ready, and ends with SIGTERM. */
  helper?: string[];
}

interface Helper {
  queue: string;
  pid: number;
  isReady: boolean;
}

/**
 * A platform as a pod is one, for tests: what runs Redis reaches no file of it, and its files are reached by a short-lived helper
 * on a queue of its own, which must be gone before Redis may start. What runs has a name of its own in place of a pid.
 */
export function fakeRemote({ home, helper }: FakeRemote, process: ProcessConfig, own: OwnEndpoint): PlatformParts {
  const { configFile, start } = process;
  const redis = openProcessPlatform({ configFile, start, ...own });
  const volume = new Volume(home, helper);
  const files: FilesPart = {
    isAtHand: globalThis.process.env.FAKE_REMOTE_PART === 'files',
    where: 'beside its volume',
    open(layout) {
      if (layout.dir !== DATA_BY_CONF && layout.dir !== volume.directory)
        throw new RecoveryError('PLATFORM_UNSUPPORTED', `${layout.dir} is no path of that Redis`, { next: 'Look at its dir.' });
      return { layout: { ...layout, dir: volume.mountedAt } };
    },
    throwawayNeeds: async () => ({ directives: await redis.loadDirectives() }),
    openPlacement: async () => ({ queue: await volume.open(), isOwn: true }),
    closePlacement: () => volume.close(),
  };
  return {
    control: {
      queue: `host/${process.host}`,
      isAtHand: globalThis.process.env.FAKE_REMOTE_PART !== 'files',
      where: `on ${process.host}`,
      runs: configFile,
      noProgressMs: process.noProgressMs,
      open: () => remoteControl(redis, volume),
    },
    files,
  };
}

/** The platforms of a worker under test: fake for every instance that would be a process. */
export const fakeParts =
  (fake: FakeRemote): OpenParts =>
  ({ platform, own }) =>
    platform.type === 'process' ? fakeRemote(fake, platform, own) : {};

const identityOf = (ofProcess: string): string => `pod-${createHash('sha256').update(ofProcess).digest('hex').slice(0, 12)}`;

function remoteControl(redis: Control, volume: Volume): Control {
  const hidden = ({ identity, name: _, ...status }: PlatformStatus): PlatformStatus =>
    identity === undefined ? status : { ...status, identity: identityOf(identity), name: 'container redis' };
  const unlessMounted = () => {
    if (!volume.isOpen()) return;
    throw new RecoveryError('START_FAILED', `${description} did not start: ${NEEDS_GONE}`, { next: 'Close it first.' });
  };
  const description = 'redis-0 on fake-remote';
  return {
    ...redis,
    description,
    status: async () => hidden(await redis.status()),
    async start(signal) {
      if (!(await redis.status()).running) unlessMounted();
      return hidden(
        await redis.start(signal).catch((error: RecoveryError) => {
          throw new RecoveryError(error.code, `${description}: ${error.message}`, { next: error.next });
        }),
      );
    },
    async kill(identity, signal) {
      const { identity: now } = await redis.status();
      if (now === undefined) return;
      if (identityOf(now) !== identity)
        throw new RecoveryError('TARGET_IDENTITY', `${description} is another one now`, { next: 'Look at it.' });
      await redis.kill(now, signal);
    },
    dataLayout: async () => ({ ...(await redis.dataLayout()), dir: DATA_BY_CONF }),
    memory: async () => ({}),
    memoryKill: async () => ({ verdict: 'unknown', why: 'nobody can say it' }),
    program: async () => undefined,
    // Its paths are those of its container; that it answers on the address of its pod is no proof.
    async identify({ pid } = {}) {
      if (pid === undefined) return { same: 'unknown', why: 'it does not say who it is' };
      const found = await redis.identify({ pid });
      return found.same === 'no' ? found : { same: 'unknown', why: 'in a container it is always process 1' };
    },
  };
}

const mayMount = spawnSync('unshare', ['-m', 'true']).status === 0;

/** In front of a command: it alone has the volume there, and nothing where Redis has it. */
const withVolumeAt = (directory: string, mount: string): string[] => {
  const script = 'mount --bind "$1" "$2" && mount -t tmpfs none "$1" && shift 2 && exec "$@"';
  return ['unshare', '-m', 'sh', '-c', script, 'sh', directory, mount];
};

/** One helper at a time has it. What is known of it is on disk: who opened it may be gone. */
class Volume {
  readonly #home: string;
  readonly #helper: string[] | undefined;

  constructor(home: string, helper: string[] | undefined) {
    this.#home = home;
    this.#helper = helper;
    mkdirSync(home, { recursive: true });
  }

  /** As Redis itself names it. Where mounts are permitted, a helper finds nothing there. */
  get directory(): string {
    return readFileSync(join(this.#home, 'volume'), 'utf8').trim();
  }

  /** Where the helper that this is has it. */
  get mountedAt(): string {
    return globalThis.process.env.FAKE_REMOTE_MOUNT ?? this.directory;
  }

  isOpen(): boolean {
    return this.#known() !== undefined;
  }

  /** Waits until the helper is ready; begins anew with one that is not, or is gone. */
  async open(): Promise<string> {
    const known = this.#known();
    if (known?.isReady && isAlive(known.pid)) return known.queue;
    await this.close();
    const queue = `volume/${randomUUID()}`;
    if (!this.#helper) {
      this.#write({ queue, pid: globalThis.process.pid, isReady: true });
      return queue;
    }
    const directory = join(this.#home, queue.replaceAll('/', '-'));
    const mount = mayMount ? join(directory, 'volume') : undefined;
    mkdirSync(mount ?? directory, { recursive: true });
    const [program = '', ...args] = [...(mount ? withVolumeAt(this.directory, mount) : []), ...this.#helper];
    const child = spawn(program, args, {
      cwd: directory,
      detached: true, // it outlives the worker that opened it
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        ...globalThis.process.env,
        FAKE_REMOTE_PART: 'files',
        FAKE_REMOTE_QUEUE: queue,
        ...(mount ? { FAKE_REMOTE_MOUNT: mount } : {}),
      },
    });
    this.#write({ queue, pid: child.pid ?? 0, isReady: false });
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`the helper ended with ${code}`)));
    });
    child.unref();
    child.stdout.destroy();
    this.#write({ queue, pid: child.pid ?? 0, isReady: true });
    return queue;
  }

  async close(): Promise<void> {
    const known = this.#known();
    if (!known) return;
    if (this.#helper && isAlive(known.pid)) globalThis.process.kill(known.pid, 'SIGKILL');
    if (this.#helper) await until(() => !isAlive(known.pid), { what: 'the helper is gone', seconds: 30 });
    rmSync(this.#path, { force: true });
  }

  get #path(): string {
    return join(this.#home, 'helper.json');
  }

  #known(): Helper | undefined {
    return existsSync(this.#path) ? (JSON.parse(readFileSync(this.#path, 'utf8')) as Helper) : undefined;
  }

  #write(helper: Helper): void {
    writeFileSync(this.#path, JSON.stringify(helper));
  }
}

function isAlive(pid: number): boolean {
  try {
    globalThis.process.kill(pid, 0);
    // One that has ended and whose parent has not looked yet is none.
    return !/^State:\s+Z/m.test(existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '');
  } catch {
    return false;
  }
}

/** Ends what a test has left of it. */
export async function endFakeRemote(home: string): Promise<void> {
  await new Volume(home, ['']).close();
}

/** The script that a helper runs: the worker under test, for one queue. */
export const helperCommand = (configFile: string): string[] => [
  globalThis.process.execPath,
  fileURLToPath(new URL('worker-process.ts', import.meta.url)),
  configFile,
];
