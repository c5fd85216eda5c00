import { areTheSame, endOfDrained, type LineEnd, type LogFiles } from '../../model/archive/restart-proof.ts';
import { runsIn } from '../../model/recovery/log-signatures.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import type { ProtectedInstance } from '../dependencies.ts';
import { logFilesIn } from './log-files.ts';

/** A start has some 30, and a Redis that rewrites its log says ten each time. */
const LOG_LINES = 1_000;
/** The clock of a file system goes by ticks, and is behind by up to one. */
const TICK_MS = 50;

/**
 * Until when Redis had the state at the end of the archive, milliseconds since 1970, where it was restarted and nothing was lost by
 * it: on its own machine its log proves that, and that it has loaded the very files of its end. Read-only. Undefined: it
 * cannot be proved.
 * @param line - how the last stay ended, at the end of the archive
 */
export async function restartWithoutLoss(
  { control, files }: ProtectedInstance,
  client: RedisClient,
  line: LineEnd,
): Promise<number | undefined> {
  if (!control?.isAtHand || !files?.isAtHand) return undefined;
  try {
    const platform = control.open();
    const info = await client.info('server', 'persistence');
    const startedAtMs = Date.now() - 1000 * (1 + (info.number('uptime_in_seconds') ?? 0));
    const endedAtMs = endOfDrained(runsIn(await platform.logs(LOG_LINES)), line, info.number('process_id'));
    if (endedAtMs === undefined || !info.flag('aof_enabled')) return undefined;
    if (!line.files?.every(({ bornMs }) => bornMs > 0 && bornMs < endedAtMs - TICK_MS)) return undefined;
    const { layout } = files.open(await platform.dataLayout());
    return areTheSame(line.files, await logFilesIn(layout, line.files)) ? Math.max(endedAtMs, startedAtMs) : undefined;
  } catch {
    return undefined; // what cannot be read proves nothing
  }
}

/** What a Redis leaves, looked at the moment that its connection ends. Undefined: nobody can look there, and nothing is proved later. */
export async function filesAtItsEnd({ control, files }: ProtectedInstance): Promise<LogFiles | undefined> {
  if (!control?.isAtHand || !files?.isAtHand) return undefined;
  try {
    return await logFilesIn(files.open(await control.open().dataLayout()).layout);
  } catch {
    return undefined; // what cannot be read proves nothing
  }
}
