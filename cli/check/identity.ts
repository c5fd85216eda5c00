import { reachedBeside } from '../../config/resolve.ts';
import { OTHER } from '../../model/data-class.ts';
import { hasCode } from '../../model/errors.ts';
import { formatList } from '../../model/format.ts';
import type { TargetFacts } from '../../model/restore/plan/facts.ts';
import { doubtOfRivals, doubtRefusal, targetDoubt } from '../../model/restore/target-doubt.ts';
import type { NamedShard } from '../../model/shard.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { sampleClasses } from '../../redis/keys/sample-classes.ts';
import { KeyKinds } from '../../redis/rdb/key-kinds.ts';
import { sameServers } from '../../redis/same-server.ts';
import { type CheckContext, type Finding, failed, findings } from './finding.ts';

/** The Redis that answers for an instance is no other instance's, and holds what its backups are of. */
export const checkIdentity = (world: CheckContext, of: NamedShard, client: RedisClient): Promise<Finding[]> =>
  findings('identity', async () => {
    const { name } = of;
    const info = await client.info('server', 'replication');
    const runId = info.get('run_id') ?? '';
    const same = await sameServers(runId, client.connection, await reachedBeside(world.config, of));
    if (same.length > 0) {
      const message = `${doubtOfRivals(name, same)}: a restore of the one replaces the other`;
      return [failed('identity', message, `Correct the url of ${name}, or of ${formatList(same)}, or remove one of them.`)];
    }
    const repository = await world.repository().catch(() => undefined); // told by the check of the repository
    const backups = (await repository?.snapshots(of).list()) ?? [];
    if (backups.length === 0) return [];
    const replids = [info.get('master_replid') ?? '', info.get('master_replid2') ?? ''];
    const keysNow = await lookAtKeys(world, of.instance, client);
    const identity = { runId, replids };
    const facts = { instance: name, identity, backups, nowMs: world.now(), ...(keysNow ? { keysNow } : {}) };
    const refusal = doubtRefusal(name, targetDoubt(facts));
    return refusal ? [failed('identity', `${refusal.message}. A restore is refused`, refusal.next)] : [];
  });

/** Undefined when the user may not SCAN. */
async function lookAtKeys({ config }: CheckContext, name: string, client: RedisClient): Promise<TargetFacts['keysNow']> {
  const kinds = new KeyKinds();
  const classes = config.instances[name]?.dataClasses ?? [];
  try {
    const { classes: sampled, keysLooked } = await sampleClasses(client, classes, { kinds });
    const named = sampled.filter(({ name, atLeast }) => name !== OTHER && atLeast > 0);
    return { total: keysLooked, databases: [], classes: named.map(({ name, keys }) => ({ name, keys })), kinds: kinds.list() };
  } catch (error) {
    if (hasCode(error, 'REDIS_PERMISSION_DENIED', 'REDIS_NOT_READY')) return undefined;
    throw error;
  }
}
