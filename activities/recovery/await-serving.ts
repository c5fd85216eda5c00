import { messageOf, RecoveryError } from '../../model/errors.ts';
import type { ServesAgain } from '../../model/recovery/recovery.ts';
import { loadFiguresOf, loadWarningsOf } from '../../model/restore/load-log.ts';
import type { ShardRef } from '../../model/shard.ts';
import { reasonIn } from '../../platforms/host/log-tail.ts';
import type { Control } from '../../platforms/platform.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import type { RedisInfo } from '../../redis/client/info.ts';
import { lastLoad } from '../../redis/health/loading.ts';
import { probeWrite } from '../../redis/health/probe-write.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { requireControl } from '../parts.ts';
import { askLoaded, watchProcess } from '../server/await-load.ts';
import { refuseStranger } from '../stranger.ts';

const ASK_EVERY_MS = 50;
/** With `min-replicas-to-write` it waits for its replicas, which may have to take all its data first. */
const NO_REPLICAS_FOR_MS = 60_000;
const LOG_LINES = 400;

export interface ServesAgainOptions {
  /** A loaded Redis that refuses a write for so long goes on refusing it: then it must be looked at anew. Default 10 s. */
  refusedForMs?: number;
}

export interface AwaitInput extends ShardRef {
  sinceMs: number;
}

export const createServesAgainActivities = (deps: Dependencies, { refusedForMs = 10_000 }: ServesAgainOptions = {}) => {
  return {
    /**
     * Waits until Redis serves: loaded, a primary, PONG, a write taken and read again. For as long as it goes on loading; a
     * platform that we see must have its process. Changes nothing but a probe key of its own, which it deletes. Safe to retry.
     * @param sinceMs - the begin of the outage or of the start, for what people see
     * @param logBytes - sizes of its logs right before the start: what it cut off since is lost
     * @throws RecoveryError `START_FAILED` with the end of its log when its process ends; what it refuses a write with when that
     *   lasts: `REDIS_REFUSED` (MISCONF, OOM, READONLY, NOREPLICAS); `TARGET_IDENTITY` if another Redis answers in its place
     */
    async awaitServingAgain({ logBytes, ...input }: AwaitInput & { logBytes?: Record<string, number> }): Promise<ServesAgain> {
      const control = requireControl(await deps.shard(input)).open();
      return servesAgain(input, { control, logBytes });
    },

    /** The same where nobody is beside its platform: its process and its log are not looked at. */
    awaitServesFromAfar: (input: AwaitInput): Promise<ServesAgain> => servesAgain(input),
  };

  async function servesAgain({ sinceMs, ...of }: AwaitInput, seen?: SeenServer): Promise<ServesAgain> {
    const target = await deps.shard(of);
    const platform = seen?.control;
    const { info, unproved } = await untilServing(target, platform, {
      seconds: () => (deps.now() - sinceMs) / 1000,
      toleratedMs: ({ message }) => (message.includes('NOREPLICAS') ? NO_REPLICAS_FOR_MS : refusedForMs),
    });
    const servedAt = new Date(deps.now()).toISOString();
    const told = seen ? await logOf(seen, info.number('process_id') ?? 0) : { warnings: [] };
    const keysLoaded = lastLoad(info).keysLoaded ?? told.keysLoaded;
    return {
      runId: info.get('run_id') ?? '',
      servedAt,
      keys: info.keyspace().reduce((sum, { keys }) => sum + keys, 0),
      ...(keysLoaded === undefined ? {} : { keysLoaded }),
      warnings: [...(unproved ? [unproved] : []), ...told.warnings],
    };
  }
};

interface SeenServer {
  control: Control;
  logBytes: Record<string, number> | undefined;
}

interface Serving {
  info: RedisInfo;
  /** Why no write was tried, as a sentence. */
  unproved?: string;
}

interface Waiting {
  seconds(): number;
  /** How long it may go on refusing for this reason. */
  toleratedMs(refusal: RecoveryError): number;
}

async function untilServing(
  target: ProtectedInstance,
  platform: Control | undefined,
  { seconds, toleratedMs }: Waiting,
): Promise<Serving> {
  using server = watchProcess(platform);
  let refusedSince: number | undefined;
  for (;;) {
    const seen = await ask(target, seconds(), platform !== undefined);
    if (seen !== undefined && !(seen instanceof RecoveryError)) return seen;
    const lines = server.lastLines();
    if (lines && platform) throw endedLoading(target.name, platform, lines);
    refusedSince = seen ? (refusedSince ?? performance.now()) : undefined;
    if (seen && refusedSince !== undefined && performance.now() - refusedSince > toleratedMs(seen)) throw seen;
    await server.pause(ASK_EVERY_MS);
  }
}

/** It serves, or why it refuses; `undefined`: it isn't there yet, or loads. */
async function ask(target: ProtectedInstance, seconds: number, isBeside: boolean): Promise<Serving | RecoveryError | undefined> {
  try {
    return await askLoaded<Serving | RecoveryError>(
      target,
      async (client, info) => {
        if (isBeside) await refuseStranger(target, client);
        return info.get('role') === 'slave' ? isReplica(target.name, info) : prove(client, info);
      },
      ({ message }) => ({ stage: 'waiting', note: `${message}, after ${Math.round(seconds)} s` }),
    );
  } catch (error) {
    if (error instanceof RecoveryError && error.code === 'REDIS_REFUSED') return error;
    throw error;
  }
}

/** Redis serves its clients whether or not we may write: a missing permission of ours is said, and is no failure of it. */
async function prove(client: RedisClient, info: RedisInfo): Promise<Serving> {
  try {
    await probeWrite(client);
    return { info };
  } catch (error) {
    if (!(error instanceof RecoveryError) || error.code !== 'REDIS_PERMISSION_DENIED') throw error;
    return { info, unproved: `No write was tried, because our user may not: ${error.next}` };
  }
}

/** Only what the log of this very process says; the sizes before the start are known where a recovery has started it. */
async function logOf({ control, logBytes }: SeenServer, pid: number): Promise<{ warnings: string[]; keysLoaded?: number }> {
  try {
    const lines = await control.logs(LOG_LINES);
    return { warnings: loadWarningsOf(lines, pid, logBytes), keysLoaded: loadFiguresOf(lines, pid)?.keysLoaded };
  } catch (error) {
    return { warnings: [`How it loaded is not known: ${messageOf(error)}.`] }; // it serves, and that comes first
  }
}

const isReplica = (instance: string, info: RedisInfo) =>
  new RecoveryError(
    'REDIS_REFUSED',
    `${instance} refuses writes: it is a replica of ${info.get('master_host')}:${info.get('master_port')}`,
    { next: 'Make it the primary by REPLICAOF NO ONE, if no other one is.' },
  );

const endedLoading = (instance: string, { description }: Control, lines: string[]) =>
  new RecoveryError('START_FAILED', `${instance} ended while it was loading (${description}): ${reasonIn(lines)}`, {
    next: 'Look at it anew before it is started again: what its log says decides.',
  });
