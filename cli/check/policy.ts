import type { InstanceShard } from '../../config/config.ts';
import { accessText } from '../../model/changed-access.ts';
import { formatList } from '../../model/format.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { ifKnown } from '../../redis/client/renames.ts';
import { applyPolicy, comparePolicy, type PolicyDifference } from '../../redis/persistence/policy.ts';
import { readPersistencePolicy } from '../../redis/server-facts.ts';
import { type CheckContext, type Finding, failed, findings, ok, warning } from './finding.ts';
import { keepPolicy } from './keep-policy.ts';

/** The server persists as the configuration wants, and can; with `apply` it is made to. */
export const checkPolicy = (client: RedisClient, instance: InstanceShard, world: CheckContext): Promise<Finding[]> =>
  findings('policy', async () => {
    const { policy } = instance;
    const now = await ifKnown(readPersistencePolicy(client));
    if (!now) return [];
    const failing = await failingSaves(client);
    const differing = comparePolicy(now, {
      save: policy.save,
      appendonly: policy.appendonly,
      appendfsync: policy.appendfsync,
    });
    if (differing.length > 0) return [...failing, await differs(client, instance, { world, differing })];
    return failing.length > 0
      ? failing
      : ok('policy', `${policyText(policy)}, as wanted${client.unasked.has('CONFIG GET') ? ', by its redis.conf' : ''}`);
  });

async function differs(
  client: RedisClient,
  instance: InstanceShard,
  { world: { config, apply }, differing }: { world: CheckContext; differing: PolicyDifference[] },
): Promise<Finding> {
  if (client.unasked.has('CONFIG GET')) {
    const message = `its redis.conf does not persist as wanted, and CONFIG cannot be asked: ${differencesText(differing)}`;
    return failed('policy', message, 'Write the settings into redis.conf, and restart Redis when it may be.');
  }
  if (!apply) {
    return failed(
      'policy',
      `the server does not persist as wanted: ${differencesText(differing)}`,
      `Run \`redis-backup check ${instance.name} --apply\`: CONFIG SET and CONFIG REWRITE, without a restart.`,
    );
  }
  let access: Awaited<ReturnType<typeof keepPolicy>>;
  const { changed, isKept, notKeptBecause } = await applyPolicy(client, differing, {}, async () => {
    access = await keepPolicy(config, instance, client);
  });
  const applied = `applied: ${differencesText(changed)}`;
  if (isKept) return keptFinding(`${applied}, and written to its configuration file`, access);
  return warning(
    'policy',
    `${applied}; but it is lost at the next restart: ${notKeptBecause}`,
    'Write the same settings into what starts Redis: its configuration file, image or command line.',
  );
}

/** The file is another one since: whoever could not read the old one may read that. */
function keptFinding(applied: string, access: Awaited<ReturnType<typeof keepPolicy>>): Finding {
  if (access === 'unseen')
    return ok(
      'policy',
      `${applied}, which is a new file: who may read it cannot be seen from here, and Redis lets all (mode 0644 less its umask)`,
    );
  return access === undefined
    ? ok('policy', applied)
    : warning('policy', `${accessText(access)}; ${applied}`, `Run \`${access.cure}\`.`);
}

/** Whatever is set: what Redis could not write it does not keep. */
async function failingSaves(client: RedisClient): Promise<Finding[]> {
  const info = await client.info('persistence');
  const { save } = await client.configGet('save');
  const hasFailed = (field: string): boolean => info.get(field) === 'err';
  const what = [
    info.flag('aof_enabled') && hasFailed('aof_last_bgrewrite_status') && 'the last rewrite of its append-only file',
    info.flag('aof_enabled') && hasFailed('aof_last_write_status') && 'the last write into its append-only file',
    save !== '' && hasFailed('rdb_last_bgsave_status') && 'its last save',
  ].filter((one) => one !== false);
  if (what.length === 0) return [];
  return [
    failed(
      'policy',
      `${formatList(what)} failed: a crash brings back what was written before, and loses what came since`,
      'Look into the log of Redis: disk space, permissions of its directory, memory for a fork. BGREWRITEAOF or BGSAVE tries again.',
    ),
  ];
}

const policyText = ({ save, appendonly, appendfsync }: InstanceShard['policy']) =>
  `save "${save}", appendonly ${appendonly}, appendfsync ${appendfsync}`;

const differencesText = (differences: readonly PolicyDifference[]) =>
  differences.map(({ name, actual, wanted }) => `${name}: ${actual || '""'} -> ${wanted || '""'}`).join('; ');
