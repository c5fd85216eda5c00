import { setTimeout as sleep } from 'node:timers/promises';
import { RecoveryError } from '../../model/errors.ts';
import { reasonIn } from '../host/log-tail.ts';
import { type ProcessEntry, stillRuns } from '../host/process-table.ts';
import type { ProcessExit } from '../platform.ts';
import { sendSignal } from './command-starter.ts';
import { findOrphans, type RedisIdentity } from './find-redis.ts';
import type { LocalRedis } from './local-redis.ts';
import { processIdentityOf } from './process-facts.ts';
import type { Starter } from './starter.ts';

/** While a server runs. */
const POLL_MS = 100;
/** While clients wait for it. */
const QUICK_POLL_MS = 20;
const LAST_LINES = 40;

/** Asks each process once, then waits until it, the supervisor's wish to restart it and its saving children are gone. */
export async function stop({ starter, identity }: LocalRedis, withinMs: number, signal?: AbortSignal): Promise<void> {
  const deadline = performance.now() + withinMs;
  const seen = new Set<number>();
  for (;;) {
    const running = await starter.find();
    signal?.throwIfAborted(); // one that was left to itself must not end what runs by now
    if (running) seen.add(running.pid);
    if (seen.size > MAX_COMEBACKS + 1) throw comesBack(starter, seen);
    const down = !running && (await starter.isDown());
    if (down && (await endOrphans(await identity()))) return;
    if (!down) await starter.askToEnd(running);
    do {
      if (performance.now() > deadline) throw stopFailed(starter, running, await starter.logs(LAST_LINES), withinMs);
      await sleep(running ? QUICK_POLL_MS : POLL_MS, undefined, { signal });
    } while (running && (await stillRuns(running)));
  }
}

/** The one that was to be stopped, one that somebody else may have started in this moment, and then it is a supervisor. */
const MAX_COMEBACKS = 1;

const comesBack = ({ description }: Starter, pids: ReadonlySet<number>) =>
  new RecoveryError(
    'STOP_FAILED',
    `${description} does not stay stopped: something starts it again each time (processes ${[...pids].join(', ')})`,
    {
      next: 'Stop the supervisor that does so, or configure its unit as platform.start.systemd.',
    },
  );

export async function kill(starter: Starter, identity: string, signal?: AbortSignal): Promise<void> {
  const running = await starter.find();
  if (!running) return;
  const found = processIdentityOf(running);
  if (found !== identity) throw anotherProcess(starter, identity, found);
  await sendSignal(running, 'SIGKILL');
  while (await stillRuns(running)) await sleep(QUICK_POLL_MS, undefined, { signal });
}

const anotherProcess = ({ description }: Starter, meant: string, found: string) =>
  new RecoveryError('TARGET_IDENTITY', `${description} was ${meant} and is ${found} now: it is left alone`, {
    next: 'Look at the Redis that runs now, and start the recovery again if it is needed.',
  });

/** Ends children that save for a server that is gone, the way Redis itself ends them. True when there is none. */
async function endOrphans(identity: RedisIdentity): Promise<boolean> {
  const orphans = await findOrphans(identity);
  for (const orphan of orphans) if (await stillRuns(orphan)) process.kill(orphan.pid, 'SIGUSR1');
  return orphans.length === 0;
}

function stopFailed({ description }: Starter, running: ProcessEntry | undefined, lines: string[], afterMs: number) {
  const who = running ? `process ${running.pid}` : 'a child that saves';
  return new RecoveryError('STOP_FAILED', `${description}: ${who} is still there after ${afterMs / 1000} s: ${reasonIn(lines)}`, {
    next: `If its log says that it cannot save, free disk space or send SHUTDOWN NOSAVE; if it hangs, end it with kill -9 ${running?.pid ?? ''}`.trimEnd(),
  });
}

export async function exited(starter: Starter, signal?: AbortSignal): Promise<ProcessExit> {
  const running = await starter.find();
  if (!running) return { ...starter.endOf(), lastLines: await starter.logs(LAST_LINES) };
  do await sleep(POLL_MS, undefined, { signal });
  while (await stillRuns(running));
  await sleep(POLL_MS, undefined, { signal }); // its exit code comes right after
  return { pid: running.pid, ...starter.endOf(running.pid), lastLines: await starter.logs(LAST_LINES) };
}
