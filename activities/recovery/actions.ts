import type { ShardRef } from '../../model/shard.ts';
import { openRedis } from '../../redis/client/client.ts';
import { killScript } from '../../redis/health/kill-script.ts';
import { becomePrimary } from '../../redis/roles.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { refuseStranger } from '../stranger.ts';
import { createServesAgainActivities, type ServesAgainOptions } from './await-serving.ts';
import { createMendLogActivities } from './mend-log.ts';
import { createPutBackDataActivities } from './put-back-data.ts';
import { createReplicaActivities } from './replicas.ts';
import { createRestartActivities, type RestartOptions } from './restart.ts';
import { createServerActivities } from './server.ts';
import { createSetAsideActivities } from './set-aside.ts';
import { createStartAgainActivities } from './start-again.ts';

/** What a recovery does to a Redis: each action of model/recovery/actions.ts that changes something, and the wait for the end of it. */
export const createRecoveryActions = (deps: Dependencies, options: RestartOptions & ServesAgainOptions = {}) => ({
  ...createServerActivities(deps),
  ...createSetAsideActivities(deps),
  ...createMendLogActivities(deps),
  ...createPutBackDataActivities(deps),
  ...createRestartActivities(deps, options),
  ...createStartAgainActivities(deps),
  ...createReplicaActivities(deps),
  ...createServesAgainActivities(deps, options),

  /** REPLICAOF NO ONE on the instance itself: it keeps its data, and takes writes. Idempotent. */
  async makePrimary(of: ShardRef): Promise<{ keys: number }> {
    await deps.requireLock(of.instance);
    const target = await deps.shard(of);
    currentJob().progress({ stage: 'primary', note: 'it stops following' });
    using client = await openRedis(target.connection);
    await refuseStranger(target, client);
    const { keys } = await becomePrimary(client);
    return { keys };
  },

  /**
   * Ends the script or function that blocks Redis. Idempotent: a retry finds nothing to end.
   * @throws RecoveryError `REDIS_REFUSED` for one that has written
   */
  async killScript(of: ShardRef): Promise<{ ended: 'script' | 'function' | 'nothing' }> {
    await deps.requireLock(of.instance);
    const { connection } = await deps.shard(of);
    using client = await openRedis(connection);
    return { ended: await killScript(client) };
  },
});
