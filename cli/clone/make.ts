import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { openArchive } from '../../activities/open-archive.ts';
import { openThrowaway } from '../../activities/throwaway/open.ts';
import type { InstanceShard } from '../../config/config.ts';
import { RecoveryError } from '../../model/errors.ts';
import { findServerBinary } from '../../platforms/throwaway/server-binary.ts';
import { requireFreePort, type Throwaway } from '../../platforms/throwaway/throwaway.ts';
import { openRedis } from '../../redis/client/client.ts';
import { countClasses } from '../../redis/keys/count-classes.ts';
import type { Archive } from '../../repository/archive/archive.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Output } from '../output/output.ts';
import type { Whose } from '../whose.ts';
import { cloneDirectory } from './directory.ts';
import { type ChosenMoment, chooseMoment } from './moment.ts';
import { type CloneReport, cloneText } from './text.ts';

export interface CloneOptions {
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
export async function makeClone(options: CloneOptions, deps: CloneDeps): Promise<void> {
  const { interrupt, output, repository } = deps;
  if (options.port !== undefined) await requireFreePort('127.0.0.1', options.port); // before anything is fetched
  const binary = await findServerBinary(options.binary === undefined ? {} : { explicit: options.binary });
  const archive = openArchive(repository, options.instance, options.instance.archive);
  const chosen = await chooseMoment(
    { repository, archive, commands: options.instance.archive ?? {}, nowMs: deps.now() },
    options.at,
    interrupt,
  );
  const directory = await cloneDirectory(options.directory);
  let throwaway: Throwaway | undefined;
  let isKept = false;
  try {
    const password = options.withPassword ? randomBytes(24).toString('base64url') : undefined;
    const shiftMs = options.keepTtls ? 0 : deps.now() - chosen.serverAtMs;
    throwaway = await start(options, deps, { archive, chosen, directory, binary, shiftMs, password });
    const access: Access = { host: throwaway.host, port: throwaway.port, ...(password === undefined ? {} : { password }) };
    const classes = await count(access, options, interrupt);
    const report = reportOf(options, chosen, { access, throwaway, shiftMs, classes });
    output.result(report, [...options.whose.lines, cloneText(report)].join('\n'));
    if (options.foreground) await ended(throwaway, interrupt);
    else isKept = true;
  } finally {
    if (!isKept) {
      await throwaway?.stop();
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
  { instance, port, foreground }: CloneOptions,
  { repository, output, interrupt }: CloneDeps,
  { archive, chosen, directory, binary, shiftMs, password }: StartParts,
): Promise<Throwaway> {
  const source = { repository, archive, commands: instance.archive ?? {} };
  try {
    return await openThrowaway(source, chosen, {
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

async function count(access: Access, { instance }: CloneOptions, signal: AbortSignal): Promise<CloneReport['classes']> {
  using client = await openRedis(access);
  return await countClasses(client, instance.dataClasses, { signal });
}

function reportOf(
  { instance, foreground, whose }: CloneOptions,
  { manifest, log, atMs, doubts }: ChosenMoment,
  {
    access,
    throwaway: { pid, directory },
    shiftMs,
    classes,
  }: { access: Access; throwaway: Throwaway; shiftMs: number; classes: CloneReport['classes'] },
): CloneReport {
  const last = log?.ranges.at(-1);
  return {
    outcome: 'cloned',
    instance: instance.name,
    ...(whose.foreignOwner ? { foreignOwner: whose.foreignOwner } : {}),
    at: new Date(atMs).toISOString(),
    ...(doubts.length > 0 ? { doubts } : {}),
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
async function ended(throwaway: Throwaway, interrupt: AbortSignal): Promise<void> {
  while (!interrupt.aborted && (await throwaway.isRunning())) {
    await sleep(LOOK_MS, undefined, { signal: interrupt }).catch(() => undefined); // Ctrl-C
  }
}
