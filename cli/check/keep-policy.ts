import { lookAtNextStart } from '../../activities/restore/next-start.ts';
import type { Config, InstanceShard } from '../../config/config.ts';
import { accessText, type ChangedAccess } from '../../model/changed-access.ts';
import { RecoveryError } from '../../model/errors.ts';
import { harmful, type NextStart } from '../../model/restore/next-start.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { partsHere } from '../../worker/parts.ts';
import { shardHere } from '../connection.ts';

/**
 * Writes the settings of a Redis into its redis.conf and proves by a start beside it that the next one has them. Where that start
 * cannot be tried, Redis is believed.
 * @returns who may read its redis.conf now, if others than before: `unseen` where that is not at hand
 * @throws RecoveryError `CHECK_FAILED` with what a restart makes of them, and nothing is written where that would do harm
 */
export async function keepPolicy(
  config: Config,
  instance: InstanceShard,
  client: RedisClient,
): Promise<ChangedAccess | 'unseen' | undefined> {
  const { control } = partsHere(config, instance);
  if (!control?.isAtHand) {
    await client.configRewrite();
    return 'unseen';
  }
  const opened = control.open();
  const { connection } = await shardHere(config, instance);
  const look = () => lookAtNextStart(opened, connection, client);
  const before = await look();
  if (before.outcome === 'another') throw notKept(`nothing was written to a redis.conf, for ${before.why}`);
  if (before.outcome === 'starts' && before.rewriteHarms) throw notKept(harmful(before.rewriteHarms));
  const kept = await opened.keepConf();
  await client.configRewrite();
  const access = await kept.putAccessBack(); // at once: until then all may read it
  const after = await look();
  if (after.outcome === 'fails' && before.outcome === 'starts') {
    await kept.takeBack();
    throw notKept(
      `Redis would not start with what CONFIG REWRITE wrote, which was taken back: ${after.lastLines}${access ? `; ${accessText(access)}: ${access.cure}` : ''}`,
    );
  }
  const lost = lostSettings(after);
  if (lost.length > 0) throw notKept([...(access ? [`${accessText(access)}: ${access.cure}`] : []), ...lost].join('; '));
  return access;
}

const POLICY = new Set(['save', 'appendonly', 'appendfsync']);

const lostSettings = (next: NextStart): string[] =>
  next.outcome !== 'starts'
    ? []
    : next.differences
        .filter(({ kind, name }) => kind === 'setting' && POLICY.has(name))
        .map(({ name, what, cure }) => `${name} is ${what} (${cure})`);

const notKept = (why: string) =>
  new RecoveryError('CHECK_FAILED', why, { next: 'Write the settings by hand where the next start reads them last.' });
