import { setTimeout as sleep } from 'node:timers/promises';
import { RecoveryError } from '../../model/errors.ts';
import { backupIdAt } from '../../model/instance.ts';
import { BASELINE_FORMAT_VERSION, type Baseline, type KnownBefore, knownBefore } from '../../model/recovery/baseline.ts';
import { lookupsBetween } from '../../model/recovery/warmth.ts';
import type { ShardRef } from '../../model/shard.ts';
import { lookAtAuthenticationRate } from '../../probes/authentication-rate.ts';
import { openRedis } from '../../redis/client/client.ts';
import { readLookups } from '../../redis/keys/lookups.ts';
import { readServerFacts } from '../../redis/server-facts.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { requireOwnRepository } from '../owner.ts';

/** Days that are looked back over, and a little for clocks. */
const LOOK_BACK_MS = 8 * 24 * 3600_000;

export const createBaselineActivities = (deps: Dependencies) => ({
  /**
   * Measures one window of lookups, and remembers it in the repository with what else a recovery compares with. Read-only for
   * Redis. A retry measures another window.
   * @throws RecoveryError `REDIS_NOT_READY` if Redis restarts within the window
   */
  async recordBaseline(of: ShardRef): Promise<Baseline> {
    const { signal, progress } = currentJob();
    const target = await deps.shard(of);
    const { warmup, authentication } = target.recovery;
    await requireOwnRepository(deps, target, 'nothing is remembered there');
    using client = await openRedis(target.connection);
    const before = await readLookups(client);
    const began = deps.now();
    progress({ stage: 'baseline', note: 'counting the lookups of one window' });
    await sleep(warmup.windowMs, undefined, { signal });
    const window = lookupsBetween(before, await readLookups(client));
    const endedAtMs = deps.now();
    if (!window) {
      throw new RecoveryError('REDIS_NOT_READY', `${target.name} restarted, or its counters were reset, while it was measured`, {
        next: 'Nothing: it is measured again with the next backup.',
      });
    }
    const rate = authentication && (await lookAtAuthenticationRate(authentication, { signal }));
    const info = await client.info('replication', 'keyspace');
    const baseline: Baseline = {
      formatVersion: BASELINE_FORMAT_VERSION,
      kind: 'baseline',
      baselineId: backupIdAt(endedAtMs),
      instance: of.instance,
      shard: of.shard,
      windowSeconds: Math.max(1, endedAtMs - began) / 1000,
      ...window,
      ...(rate && 'perSecond' in rate ? { authenticationPerSecond: rate.perSecond } : {}),
      keys: info.keyspace().reduce((sum, { keys }) => sum + keys, 0),
      replicas: info.replicas(),
      server: await readServerFacts(client),
    };
    await (await deps.repository()).baselines(of).write(baseline);
    return baseline;
  },

  /**
   * How it was before a failure: hit rate and authentication rate to compare with. Read-only.
   * @param failedAt - ISO 8601; what was recorded since was seen in trouble. Default now
   */
  async findBaseline({ failedAt, ...of }: ShardRef & { failedAt?: string }): Promise<KnownBefore> {
    const { recovery } = await deps.shard(of);
    const nowMs = deps.now();
    const failedAtMs = failedAt === undefined ? nowMs : Date.parse(failedAt);
    const baselines = (await deps.repository()).baselines(of);
    const all = await baselines.list({ sinceMs: failedAtMs - LOOK_BACK_MS });
    return knownBefore(all, { failedAtMs, nowMs, minLookups: recovery.warmup.minLookups });
  },
});
