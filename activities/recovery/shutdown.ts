import { RecoveryError } from '../../model/errors.ts';
import { runsIn, signOf } from '../../model/recovery/log-signatures.ts';
import type { Assessment } from '../../model/recovery/recovery.ts';
import type { Control } from '../../platforms/platform.ts';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import type { RedisConnection } from '../../redis/client/connection.ts';
import type { RedisInfo } from '../../redis/client/info.ts';
import type { ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { saveForSignal } from '../server/save-for-signal.ts';
import { orDiskFull, shutdown } from '../server/shutdown.ts';
import { refuseStranger } from '../stranger.ts';

/** One that doesn't answer within this is treated as one that hangs. */
const SILENT_AFTER_MS = 3_000;
const LOG_LINES = 100;
const SILENT = ['REDIS_UNREACHABLE', 'REDIS_NOT_READY'];

/** Asks one thing, and doesn't wait long for it. `undefined` if Redis is silent, or busy; any other refusal is thrown. */
export async function quickly<T>(
  connection: RedisConnection,
  ask: (client: RedisClient) => Promise<T>,
  withinMs = SILENT_AFTER_MS,
): Promise<T | undefined> {
  try {
    using client = await openRedis(connection, { connectTimeoutMs: withinMs, commandTimeoutMs: withinMs });
    return await ask(client);
  } catch (error) {
    if (error instanceof RecoveryError && SILENT.includes(error.code)) return undefined;
    throw error;
  }
}

/**
 * What stands at the address of a Redis is not ours to end, to kill or to wait for, if it is surely another one.
 * @throws RecoveryError `TARGET_IDENTITY`
 */
export async function refuseAnother(target: ProtectedInstance): Promise<void> {
  await quickly(target.connection, (client) => refuseStranger(target, client));
}

/** What a living Redis says of itself. */
export const quickInfo = ({ connection }: ProtectedInstance, withinMs?: number): Promise<RedisInfo | undefined> =>
  quickly(connection, (client) => client.info('server', 'persistence'), withinMs);

/**
 * Ends a Redis whose memory is worth nothing, and leaves its files as they are. One that is silent gets the platform's signal,
 * which saves where there are save points. Idempotent.
 * @throws RecoveryError `TARGET_IDENTITY` if another Redis answers in its place
 */
export async function endWithoutSave(target: ProtectedInstance, platform: Control): Promise<void> {
  if ((await platform.status()).running) {
    await refuseAnother(target);
    await quickly(target.connection, async (client) => {
      currentJob().signal.throwIfAborted();
      const unsaved = () => client.configSet('save', '');
      if (platform.restartsByItself) await unsaved();
      else await shutdown(client.command('SHUTDOWN', 'NOSAVE'), unsaved);
    });
  }
  await platform.stop(currentJob().signal);
}

/** How long one that is silent may take to heed a signal: its clients hang meanwhile. */
const HEED_WITHIN_MS = 10_000;
/** The same where a person has approved kill -9: it has had that time already. */
const HEED_AGAIN_WITHIN_MS = 1_000;

/**
 * Ends a Redis so that its files hold all it had. One that is silent can't be asked for that. Idempotent.
 * @param options.kill - somebody has approved its end, whatever it has not saved
 * @throws RecoveryError `TARGET_IDENTITY` if another Redis answers in its place; `STOP_FAILED` if nothing makes it save
 */
export async function endWithSave(
  target: ProtectedInstance,
  platform: Control,
  info: RedisInfo | undefined,
  { kill = false }: { kill?: boolean } = {},
): Promise<void> {
  if (info) await refuseAnother(target);
  const { appendonly } = await platform.dataLayout();
  // What the next start loads is what its configuration file says; whether that is written now, only the server knows.
  const how = appendonly && info?.flag('aof_enabled') ? 'NOSAVE' : 'SAVE';
  if (info) {
    using client = await openRedis(target.connection);
    currentJob().signal.throwIfAborted();
    const options = { instance: target.name, mayLose: kill, signal: currentJob().signal };
    const saved = async () => how === 'SAVE' && !info.flag('loading') && (await saveForSignal(client, options));
    const ends = platform.restartsByItself ? saved() : shutdown(client.command('SHUTDOWN', how), saved);
    await orDiskFull(ends, target.name, platform);
  }
  await stopHeeding(platform, info ? undefined : kill ? HEED_AGAIN_WITHIN_MS : HEED_WITHIN_MS);
}

/** One that has heeded the signal, and saves, gets the time that it needs. */
async function stopHeeding(platform: Control, withinMs?: number): Promise<void> {
  const { signal } = currentJob();
  try {
    await platform.stop(signal, withinMs);
  } catch (error) {
    const heeds = signOf(runsIn(await platform.logs(LOG_LINES)).at(-1), 'asked-to-end') !== undefined;
    if (withinMs === undefined || !heeds) throw error;
    await platform.stop(signal);
  }
}

/** @throws RecoveryError `RESTORE_REFUSED` if another Redis than the one that was looked at has loaded its data and answers */
export async function refuseWhenServing(target: ProtectedInstance, { server }: Pick<Assessment, 'server'>): Promise<void> {
  const info = await quickInfo(target);
  if (info && !info.flag('loading') && info.get('run_id') !== server?.runId) throw servesNow(target.name);
}

const servesNow = (instance: string) =>
  new RecoveryError('RESTORE_REFUSED', `${instance} answers by now, and has loaded what it could: its files are left to it`, {
    next: 'Start the recovery again: it looks at everything anew.',
  });
