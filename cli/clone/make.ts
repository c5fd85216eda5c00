import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { openArchive } from '../../activities/open-archive.ts';
import { openScratch } from '../../activities/scratch/open.ts';
import type { InstanceShard } from '../../config/config.ts';
import { RecoveryError } from '../../model/errors.ts';
import { requireFreePort, type Scratch } from '../../platforms/throwaway/scratch-server.ts';
import { findServerBinary } from '../../platforms/throwaway/server-binary.ts';
import { openRedis } from '../../redis/client/client.ts';
import { countClasses } from '../../redis/keys/count-classes.ts';
import type { Archive } from '../../repository/archive/archive.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Output } from '../output/output.ts';
import type { Whose } from '../whose.ts';
import { cloneDirectory } from './directory.ts';
import { type ChosenMoment, chooseMoment } from './moment.ts';
import { type CloneReport, cloneText } from './text.ts';

export interface CloneWish {
  /** Whose the data is. */
  whose: Whose;
  instance: InstanceShard;
  at: string;
  port?: number;
  keepTtls: boolean;
  withPassword: boolean;
  directory?: string;
  binary?: string;
  foreground: boolean;
}

export interface CloneDeps {
  repository: Repository;
  output: Output;
  now(): number;
  /** Ctrl-C. */
  interrupt: AbortSignal;
}

/** How a clone is reached. */
type Access = Pick<CloneReport, 'host' | 'port' | 'password'>;

const LOOK_MS = 500;

/** Makes a clone, shows it, and in the foreground waits for its end. What is not handed over is gone when this returns. */
export async function makeClone(wish: CloneWish, deps: CloneDeps): Promise<void> {
  const { interrupt, output, repository } = deps;
  if (wish.port !== undefined) await requireFreePort('127.0.0.1', wish.port); // before anything is fetched
  const binary = await findServerBinary(wish.binary === undefined ? {} : { explicit: wish.binary });
  const archive = openArchive(repository, wish.instance);
  const chosen = await chooseMoment(
    { repository, archive, commands: wish.instance.archive ?? {}, nowMs: deps.now() },
    wish.at,
    interrupt,
  );
  const directory = await cloneDirectory(wish.directory);
  let scratch: Scratch | undefined;
  let isKept = false;
  try {
    const password = wish.withPassword ? randomBytes(24).toString('base64url') : undefined;
    const shiftMs = wish.keepTtls ? 0 : deps.now() - chosen.serverAtMs;
    scratch = await start(wish, deps, { archive, chosen, directory, binary, shiftMs, password });
    const access: Access = { host: scratch.host, port: scratch.port, ...(password === undefined ? {} : { password }) };
    const classes = await count(access, wish, interrupt);
    const report = reportOf(wish, chosen, { access, scratch, shiftMs, classes });
    output.result(report, [...wish.whose.lines, cloneText(report)].join('\n'));
    if (wish.foreground) await ended(scratch, interrupt);
    else isKept = true;
  } finally {
    if (!isKept) {
      await scratch?.stop();
      await rm(directory, { recursive: true, force: true });
    }
  }
}

interface StartParts {
  archive: Archive;
  chosen: ChosenMoment;
  directory: string;
  binary: string;
  shiftMs: number;
  password: string | undefined;
}

async function start(
  { instance, port, foreground }: CloneWish,
  { repository, output, interrupt }: CloneDeps,
  { archive, chosen, directory, binary, shiftMs, password }: StartParts,
): Promise<Scratch> {
  const source = { repository, archive, commands: instance.archive ?? {} };
  try {
    return await openScratch(source, chosen, {
      directory,
      binary,
      shiftMs,
      detached: !foreground,
      signal: interrupt,
      onProgress: (progress) => output.status({ workflowId: `clone/${instance.name}`, ...progress }),
      ...(port === undefined ? {} : { port }),
      ...(password === undefined ? {} : { password }),
    });
  } catch (error) {
    const isNoShift = error instanceof RecoveryError && /expiries of this RDB cannot be moved/.test(error.message);
    if (!isNoShift) throw error;
    throw new RecoveryError(error.code, error.message, { next: 'Use --keep-ttls.', cause: error });
  }
}

async function count(access: Access, { instance }: CloneWish, signal: AbortSignal): Promise<CloneReport['classes']> {
  using client = await openRedis(access);
  return await countClasses(client, instance.dataClasses, { signal });
}

function reportOf(
  { instance, foreground, whose }: CloneWish,
  { manifest, log, atMs }: ChosenMoment,
  {
    access,
    scratch: { pid, directory },
    shiftMs,
    classes,
  }: { access: Access; scratch: Scratch; shiftMs: number; classes: CloneReport['classes'] },
): CloneReport {
  const last = log?.ranges.at(-1);
  return {
    outcome: 'cloned',
    instance: instance.name,
    ...(whose.foreignOwner ? { foreignOwner: whose.foreignOwner } : {}),
    at: new Date(atMs).toISOString(),
    backupId: manifest.backupId,
    ...(log ? { log: { ...(last ? { timelineId: last.timelineId, offset: last.to } : {}), bytes: log.bytes } } : {}),
    ...access,
    pid,
    directory,
    ttlsMovedSeconds: Math.round(shiftMs / 1000),
    keys: classes.reduce((sum, { keys }) => sum + keys, 0),
    classes,
    foreground,
  };
}

/** By Ctrl-C, or because somebody has shut it down. */
async function ended(scratch: Scratch, interrupt: AbortSignal): Promise<void> {
  while (!interrupt.aborted && (await scratch.isRunning())) {
    await sleep(LOOK_MS, undefined, { signal: interrupt }).catch(() => undefined); // Ctrl-C
  }
}
