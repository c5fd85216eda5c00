import { RecoveryError } from '../model/errors.ts';
import type { Platform } from '../platforms/platform.ts';
import type { RedisClient } from '../redis/client.ts';
import type { RedisInfo } from '../redis/info.ts';
import { lastLoad } from '../redis/loading.ts';
import { unknownToServer } from '../redis/log/load-errors.ts';
import { askLoaded, watchProcess } from './await-load.ts';
import type { ProtectedInstance } from './world.ts';

/** A Redis that has loaded and answers, with what it says of its load. */
export interface Serving {
  runId: string;
  pid: number;
  keysLoaded?: number;
  keysExpired?: number;
  /** Until `loading:0` was seen, by our clock. */
  servedAtMs: number;
}

const ASK_EVERY_MS = 100;

/**
 * Waits until Redis answers `loading:0`, for as long as the process lives and goes on loading.
 * @throws RecoveryError `LOG_REFUSED` when the process ends for a command that it does not know; `START_FAILED` with the end of its
 *   log when it ends otherwise. A missing module ends it with code 0.
 */
export async function awaitServing(target: ProtectedInstance, platform: Platform): Promise<Serving> {
  using server = watchProcess(platform);
  for (;;) {
    const serving = await askLoaded(target, servingOf, ({ message }) => ({ stage: 'loading', note: message }));
    if (serving) return serving;
    const lines = server.lastLines();
    if (lines) throw diedLoading(target.name, platform, lines);
    await server.pause(ASK_EVERY_MS);
  }
}

const servingOf = (_client: RedisClient, info: RedisInfo): Serving => ({
  runId: info.get('run_id') ?? '',
  pid: info.number('process_id') ?? 0,
  ...lastLoad(info),
  servedAtMs: Date.now(),
});

const diedLoading = (instance: string, platform: Platform, lines: string[]) =>
  unknownToServer(instance, lines, 'The old data is being put back.') ??
  new RecoveryError(
    'START_FAILED',
    `${instance} ended while it was loading (${platform.description}): ${lines.slice(-5).join(' | ')}`,
    {
      next: 'Read its log. The old data is being put back.',
    },
  );
