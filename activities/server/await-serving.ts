import { RecoveryError } from '../../model/errors.ts';
import { formatDuration } from '../../model/format.ts';
import type { Control } from '../../platforms/platform.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { isStandingRefusal } from '../../redis/client/errors.ts';
import type { RedisInfo } from '../../redis/client/info.ts';
import { lastLoad } from '../../redis/health/loading.ts';
import { unknownToServer } from '../../redis/log/load-errors.ts';
import type { ProtectedInstance } from '../dependencies.ts';
import type { Progress } from '../job-context.ts';
import { requireControl } from '../parts.ts';
import { askLoaded, watchProcess } from './await-load.ts';

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
 *   log when it ends otherwise, or when its load does not go on for `platform.noProgress`. A missing module ends it with code 0.
 * @param untilRefused - one that takes no more connections, or fails over TLS, is an error at once, as one that refuses our
 *   password is
 */
export async function awaitServing(
  target: ProtectedInstance,
  { untilRefused = false }: { untilRefused?: boolean } = {},
): Promise<Serving> {
  const { open, noProgressMs } = requireControl(target);
  const platform = open();
  using server = watchProcess(platform);
  const load = watchLoad(untilRefused);
  for (;;) {
    const serving = await askLoaded(target, servingOf, load.unanswered, load.seen);
    if (serving) return serving;
    const lines = server.lastLines();
    if (lines) throw diedLoading(target.name, platform, lines);
    if (load.stillForMs() > noProgressMs) throw stands(target.name, platform, noProgressMs, load.lastSaid());
    await server.pause(ASK_EVERY_MS);
  }
}

/** Since when a load stands still. A Redis that does not answer is one that stands still. */
function watchLoad(untilRefused: boolean) {
  let loaded: number | undefined;
  let movedAt = performance.now();
  let said = 'it is loading';
  return {
    seen(bytes: number | undefined): void {
      if (bytes === loaded) return;
      loaded = bytes;
      movedAt = performance.now();
    },
    unanswered(error: RecoveryError): Progress {
      const { message, next } = error;
      const stays = isStandingRefusal(error);
      if (stays && untilRefused) throw error;
      said = message;
      return { stage: 'loading', note: stays ? `${message}. ${next}` : message };
    },
    stillForMs: () => performance.now() - movedAt,
    lastSaid: () => said,
  };
}

const stands = (name: string, { description }: Control, noProgressMs: number, said: string) =>
  new RecoveryError(
    'START_FAILED',
    `${name} (${description}) runs and has not come nearer to serving for ${formatDuration(noProgressMs)}: ${said}`,
    { next: 'The old data is being put back. If this load is only slow, raise platform.noProgress of the instance.' },
  );

const servingOf = (_client: RedisClient, info: RedisInfo): Serving => ({
  runId: info.get('run_id') ?? '',
  pid: info.number('process_id') ?? 0,
  ...lastLoad(info),
  servedAtMs: Date.now(),
});

const diedLoading = (instance: string, platform: Control, lines: string[]) =>
  unknownToServer(instance, lines, 'The old data is being put back.') ??
  new RecoveryError(
    'START_FAILED',
    `${instance} ended while it was loading (${platform.description}): ${lines.slice(-5).join(' | ')}`,
    {
      next: 'Read its log. The old data is being put back.',
    },
  );
