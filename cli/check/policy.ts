import type { InstanceConfig } from '../../config/config.ts';
import type { RedisClient } from '../../redis/client.ts';
import { applyPolicy, comparePolicy, type PolicyDifference } from '../../redis/persistence-policy.ts';
import { readPersistencePolicy } from '../../redis/server-facts.ts';
import { type CheckWorld, type Finding, failed, findings, ok, warning } from './finding.ts';
import { keepPolicy } from './keep-policy.ts';

/** The server persists as the configuration wants; with `apply` it is made to. */
export const checkPolicy = (client: RedisClient, instance: InstanceConfig, { config, apply }: CheckWorld): Promise<Finding[]> =>
  findings('policy', async () => {
    const { name, policy } = instance;
    const differing = comparePolicy(await readPersistencePolicy(client), {
      save: policy.save,
      appendonly: policy.appendonly,
      appendfsync: policy.appendfsync,
    });
    if (differing.length === 0) return ok('policy', `${policyText(policy)}, as wanted`);
    if (!apply) {
      return failed(
        'policy',
        `the server does not persist as wanted: ${differencesText(differing)}`,
        `Run \`redis-backup check ${name} --apply\`: CONFIG SET and CONFIG REWRITE, without a restart.`,
      );
    }
    const { changed, isKept, notKeptBecause } = await applyPolicy(client, differing, {}, () =>
      keepPolicy(config, instance, client),
    );
    const applied = `applied: ${differencesText(changed)}`;
    if (isKept) return ok('policy', `${applied}, and written to its configuration file`);
    return warning(
      'policy',
      `${applied}; but it is lost at the next restart: ${notKeptBecause}`,
      'Write the same settings into what starts Redis: its configuration file, image or command line.',
    );
  });

const policyText = ({ save, appendonly, appendfsync }: InstanceConfig['policy']) =>
  `save "${save}", appendonly ${appendonly}, appendfsync ${appendfsync}`;

const differencesText = (differences: readonly PolicyDifference[]) =>
  differences.map(({ name, actual, wanted }) => `${name}: ${actual || '""'} -> ${wanted || '""'}`).join('; ');
