import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import { inheritedEnvironment } from '../host/inherited-environment.ts';
import { lastLines, reasonIn, tailOf } from '../host/log-tail.ts';
import type { StartProof } from '../platform.ts';
import { removeThrowaways } from '../throwaway/leftovers.ts';
import { type ProvableRedis, SOCKET, type StartOptions, startOptionsOf, startSettingsOf } from './start-options.ts';

const PROOF_MS = 10_000;
const POLL_MS = 20;
const GOODBYE_MS = 1_000;
const LAST_LINES = 40;
const PREFIX = 'redis-backup-start-';

/** See Control.proveStart. */
export async function proveStart<T>(
  redis: ProvableRedis,
  ask: (socketPath: string) => Promise<T>,
  signal?: AbortSignal,
): Promise<StartProof<T>> {
  signal?.throwIfAborted();
  const options = await startOptionsOf(redis);
  if ('why' in options) return { outcome: 'unknown', why: options.why };
  await removeAbandoned();
  const directory = await mkdtemp(join(await realpath(tmpdir()), `${PREFIX}${process.pid}-`));
  let child: ChildProcess | undefined;
  try {
    if (options.user) await chown(directory, options.user.uid, options.user.gid);
    const settings = await startSettingsOf(options, directory);
    child = await spawnServer(options);
    const output = collect(child);
    child.stdin?.on('error', () => {}).end(settings, 'latin1'); // it may have ended before it read
    const said = await untilSaid(child, () => ask(join(directory, SOCKET)), signal);
    if (said) return { outcome: 'starts', said: said.value, sources: options.sources };
    return ended(child, `${await output()}\n${await loggedBy(child.pid, options.conf.logfile)}`, directory);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof CannotSpawn) return { outcome: 'unknown', why: error.message };
    throw error;
  } finally {
    await end(child, directory);
  }
}

class CannotSpawn extends Error {}

async function spawnServer({ program: [first = '', ...rest], cwd, env, user }: StartOptions): Promise<ChildProcess> {
  const child = spawn(first, [...rest, '-'], {
    cwd,
    env: { ...inheritedEnvironment(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(user?.byNode ? { uid: user.uid, gid: user.gid } : {}),
  });
  await new Promise<void>((done, failed) => child.once('spawn', done).once('error', failed)).catch((error) => {
    throw new CannotSpawn(`${first} cannot be run: ${messageOf(error)}`);
  });
  return child.on('error', () => {}); // a failed kill; we look for ourselves
}

/** @returns what it has printed, all of it once it has ended */
function collect(child: ChildProcess): () => Promise<string> {
  let text = '';
  const closed = once(child, 'close').catch(() => undefined); // told by its exit code
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (more: string) => {
      text = (text + more).slice(-65_536);
    });
  return async () => {
    if (hasEnded(child)) await Promise.race([closed, sleep(GOODBYE_MS, undefined, { ref: false })]);
    return text;
  };
}

/** What it says; undefined when it has ended, or did not answer in time. */
async function untilSaid<T>(child: ChildProcess, ask: () => Promise<T>, signal?: AbortSignal): Promise<{ value: T } | undefined> {
  const deadline = performance.now() + PROOF_MS;
  while (!hasEnded(child) && performance.now() < deadline) {
    signal?.throwIfAborted();
    try {
      return { value: await ask() };
    } catch (error) {
      // It does not listen yet, or loads the empty files that it has just made.
      if (!(error instanceof RecoveryError && (error.code === 'REDIS_UNREACHABLE' || error.code === 'REDIS_NOT_READY')))
        throw error;
    }
    await sleep(POLL_MS, undefined, { signal });
  }
  return undefined;
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

function ended(child: ChildProcess, output: string, directory: string): StartProof<never> {
  const reason = reasonIn(lastLines(output, LAST_LINES));
  if (!hasEnded(child)) return { outcome: 'unknown', why: `it did not answer within ${PROOF_MS / 1000} s: ${reason}` };
  // What is ours, or taken by the one that runs, says nothing of a start in its place.
  const isOurs = reason.includes(directory) || /Address already in use/.test(reason);
  // Nor does what never came to be a Redis: sudo or setpriv may not, or the program is not one.
  if (isOurs || !REDIS_SPOKE.test(output)) return { outcome: 'unknown', why: reason };
  return { outcome: 'fails', lastLines: reason };
}

async function end(child: ChildProcess | undefined, directory: string): Promise<void> {
  if (child && !hasEnded(child)) {
    child.kill('SIGTERM');
    await Promise.race([once(child, 'exit'), sleep(GOODBYE_MS, undefined, { ref: false })]);
  }
  await removeThrowaways(directory);
}

/** What it says between the line `logfile` of redis.conf and ours goes there. */
async function loggedBy(pid: number | undefined, logfile: string | undefined): Promise<string> {
  const lines = logfile === undefined ? [] : await tailOf(logfile, LAST_LINES);
  return lines.filter((line) => line.startsWith(`${pid}:`)).join('\n');
}

const REDIS_SPOKE = /Reading config|FATAL CONFIG FILE|Fatal error|is starting/i;

/** Of workers that were killed in the middle of it. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir()).catch(() => [] as string[])) {
    const [, pid] = /^redis-backup-start-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || isThere(Number(pid))) continue;
    await removeThrowaways(join(tmpdir(), name)).catch(() => undefined); // another's: not for us to remove
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
