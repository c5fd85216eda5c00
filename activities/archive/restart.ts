import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { endOfDrained, type LineEnd } from '../../model/archive/restart-proof.ts';
import { runsIn } from '../../model/recovery/log-signatures.ts';
import type { Files } from '../../platforms/platform.ts';
import { parseAofManifest } from '../../redis/aof/manifest.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import type { ProtectedInstance } from '../dependencies.ts';

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
    const isOfBefore = await areOlder(files.open(await platform.dataLayout()), endedAtMs);
    return isOfBefore ? Math.max(endedAtMs, startedAtMs) : undefined;
  } catch {
    return undefined; // what cannot be read proves nothing
  }
}

/** All files of the log were there before: nobody has put others in their place. */
async function areOlder({ layout }: Files, thanMs: number): Promise<boolean> {
  const { dir, appenddirname, appendfilename } = layout;
  const directory = join(dir, appenddirname);
  const parts = parseAofManifest(await readFile(join(directory, `${appendfilename}.manifest`), 'utf8'));
  const born = await Promise.all(parts.map(async ({ name }) => (await stat(join(directory, name))).birthtimeMs));
  return born.length > 0 && born.every((ms) => ms > 0 && ms < thanMs - TICK_MS);
}
