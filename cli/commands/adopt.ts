import type { Config } from '../../config/config.ts';
import { instanceOf, shardsOf } from '../../config/load.ts';
import { reachedBeside, resolveShard } from '../../config/resolve.ts';
import { targetOf } from '../../config/target.ts';
import { describeOwner, foreignTo, ownerOf, takenOver } from '../../model/backup/owner.ts';
import { formatTarget } from '../../model/deployment.ts';
import { RecoveryError } from '../../model/errors.ts';
import { doubtOfRivals, doubtRefusal } from '../../model/restore/target-doubt.ts';
import type { ShardRef } from '../../model/shard.ts';
import { runIdAt, sameServers } from '../../redis/same-server.ts';
import { type CommandSpec, oneInstance, optionOf } from '../command.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

/** `adopt [INSTANCE] --why REASON`: from now on the backups under this name are those of this configuration's Redis. */
export const adoptCommand: CommandSpec = {
  name: 'adopt',
  about: 'takes over the backups of an instance from the Redis, or the deployment, that they belong to',
  arguments: [ONE_INSTANCE],
  options: [{ flags: '--why <reason>', about: 'why; it is kept beside the backups' }],
  async run({ config, repository, output, now }, given) {
    const loaded = await config();
    const instance = oneInstance(loaded, given.arguments[0], 'adopt');
    const target = targetOf(loaded, instance, 'command');
    const why = optionOf(given, 'why')?.trim();
    const ownership = (await repository()).ownership(instance);
    const owner = await ownership.read();
    if (!target || !why) throw noReason(instance, owner ? `they belong to ${describeOwner(owner)}` : 'nobody has claimed them');
    if (owner && foreignTo(owner, target).length === 0) {
      output.result({ instance, owner, changed: false }, `the backups of ${instance} belong to this one already`);
      return undefined;
    }
    for (const { shard } of shardsOf(instanceOf(loaded, instance))) await refuseRedisOfAnother(loaded, { instance, shard });
    const at = new Date(now()).toISOString();
    const next = owner ? takenOver(owner, target, at, why) : ownerOf(target, at);
    await ownership.replace(next);
    const from = owner ? `, and no longer to ${describeOwner(owner)}` : '';
    output.result(
      { instance, owner: next, changed: true },
      `the backups of ${instance} belong to ${formatTarget(target)}${from}`,
    );
    return undefined;
  },
};

/** Who does not answer, or cannot be asked, stands in nobody's way. @throws RecoveryError `TARGET_DOUBTFUL` */
async function refuseRedisOfAnother(config: Config, ref: ShardRef): Promise<void> {
  const { instance } = ref;
  const { connection } = await resolveShard(config, ref);
  const runId = await runIdAt(connection);
  const same = runId === undefined ? [] : await sameServers(runId, connection, await reachedBeside(config, ref));
  const refusal = doubtRefusal(instance, { doubts: same.length > 0 ? [doubtOfRivals(instance, same)] : [], alsoOf: [] });
  if (!refusal) return;
  throw new RecoveryError(refusal.code, `${refusal.message}: nothing was taken over`, {
    next: `Correct the url of ${instance} in redis-backup.yaml; \`redis-backup check ${instance}\` shows who answers.`,
  });
}

const noReason = (instance: string, now: string) =>
  new RecoveryError('USAGE', `a reason is wanted for taking over the backups of ${instance}; ${now}`, {
    next: `Run: redis-backup adopt ${instance} --why "…". The other one can then store nothing more under that name.`,
  });
