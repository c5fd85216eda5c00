import { setTimeout as sleep } from 'node:timers/promises';
import { takenAtMs } from '../../model/backup/backup-time.ts';
import { latestBackup } from '../../model/backup/latest.ts';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import type { KnownBefore } from '../../model/recovery/baseline.ts';
import type { WarmupWatch } from '../../model/recovery/recovery.ts';
import type { WarmupSettings } from '../../model/recovery/settings.ts';
import {
  isDecided,
  missingClasses,
  nextWindow,
  noteOfWarmth,
  startOfWarmth,
  verdictOfWarmth,
  type Warmth,
  warmTarget,
} from '../../model/recovery/warmth.ts';
import type { ShardRef } from '../../model/shard.ts';
import { openRedis } from '../../redis/client/client.ts';
import type { RedisConnection } from '../../redis/client/connection.ts';
import { readLookups } from '../../redis/keys/lookups.ts';
import { sampleClasses } from '../../redis/keys/sample-classes.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';

export interface WatchWarmupInput extends ShardRef {
  settings: WarmupSettings;
  /** Of `findBaseline`. */
  baseline?: KnownBefore;
  /** When the watch ends at the latest, milliseconds since 1970, in place of `begun` and the limit of the settings. */
  untilMs?: number;
  /** When the watch began. ISO 8601. A retry goes on from here, and not anew. */
  begun: string;
  /** When Redis failed. ISO 8601. Backups of later say nothing of what should be there. Default `begun`. */
  failedAt?: string;
}

export const createWarmupActivities = (deps: Dependencies) => ({
  /**
   * Watches the hit rate until it is as before in enough windows in a row, or the time is over, which is a finding and no
   * failure. A Redis that is away for a while is waited for. Read-only; a retry counts windows anew and keeps to the same end.
   */
  async watchWarmup(input: WatchWarmupInput): Promise<WarmupWatch> {
    const { settings, baseline, untilMs, begun, failedAt = begun } = input;
    const { signal, progress } = currentJob();
    const target = await deps.shard(input);
    const wanted = warmTarget(settings, baseline);
    const begunMs = Date.parse(begun);
    const endMs = untilMs ?? begunMs + settings.limitMs;
    let warmth = startOfWarmth;
    for (;;) {
      const looked = await lookAt(target.connection, warmth, settings, wanted.target);
      warmth = looked.warmth;
      const note = noteOfWarmth(warmth, settings, wanted.target);
      progress({ stage: 'warm-up', note: looked.trouble === undefined ? note : `${looked.trouble}; before that: ${note}` });
      const decided = isDecided(warmth, settings, wanted.target);
      const leftMs = endMs - deps.now();
      if (decided || leftMs <= 0) {
        const missing = decided && wanted.target !== undefined ? [] : await missingNow(deps, target, failedAt, signal);
        return verdictOfWarmth(warmth, settings, wanted, { seconds: Math.round((deps.now() - begunMs) / 1000), missing });
      }
      await sleep(Math.min(settings.windowMs, leftMs), undefined, { signal });
    }
  },
});

async function lookAt(
  connection: RedisConnection,
  warmth: Warmth,
  settings: WarmupSettings,
  target: number | undefined,
): Promise<{ warmth: Warmth; trouble?: string }> {
  try {
    using client = await openRedis(connection, { connectTimeoutMs: 3000, commandTimeoutMs: 5000 });
    return { warmth: nextWindow(warmth, await readLookups(client), settings, target) };
  } catch (error) {
    // Whatever keeps Redis from answering, it may pass; a watch that ends here would hide that it came back.
    if (error instanceof RecoveryError) return { warmth, trouble: messageOf(error) };
    throw error;
  }
}

/** Which classes are not there again. Only a hint: without a backup, or without the permission to look, there is none. */
async function missingNow(
  deps: Dependencies,
  target: ProtectedInstance,
  failedAt: string,
  signal: AbortSignal,
): Promise<string[]> {
  try {
    const { connection, classes } = target;
    const all = await (await deps.repository()).snapshots(target).list();
    const base = latestBackup(
      all.filter((one) => takenAtMs(one) < Date.parse(failedAt)),
      deps.now(),
    );
    if (!base) return [];
    using client = await openRedis(connection, { connectTimeoutMs: 3000 });
    return missingClasses(base.census.classes, (await sampleClasses(client, classes, { signal })).classes);
  } catch (error) {
    if (error instanceof RecoveryError) return []; // the verdict on the hit rate stands without it
    throw error;
  }
}
