import type { InstanceShard } from '../../config/config.ts';
import { formatList } from '../../model/format.ts';
import { compareVersions } from '../../model/restore/rdb-versions.ts';
import {
  NEEDED_COMMANDS,
  NEVER_RENAMED,
  type NeedyOperation,
  SENT_COMMANDS,
  USEFUL_COMMANDS,
} from '../../model/sent-commands.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { lackingCommands } from '../../redis/client/command-table.ts';
import { productOf } from '../../redis/server-facts.ts';
import { type CheckContext, type Finding, failed, findings, warning } from './finding.ts';

/** Which commands `rename-command` has taken from this server, and what falls with each. Silent where all are there. */
export const checkCommands = (client: RedisClient, instance: InstanceShard, { apply }: CheckContext): Promise<Finding[]> =>
  findings('commands', async () => {
    const lacking = await missingCommands(client);
    if (lacking.length === 0) return [];
    const wanted = new Set(operationsOf(instance, apply));
    return lacking.map((name) => findingOf(name, instance.instance, wanted));
  });

async function missingCommands(client: RedisClient): Promise<string[]> {
  const asked = await Promise.all(SENT_COMMANDS.map(async (name) => ({ name, called: await client.called(name) })));
  const named = asked.filter(({ called }) => called !== '');
  const lacking = new Set(
    await lackingCommands(
      client,
      named.map(({ called }) => called),
    ),
  );
  const { product, version } = productOf(await client.info('server'));
  const isOlder = product === 'redis' && compareVersions(version, '7.0') < 0;
  return asked
    .filter(({ called }) => called === '' || lacking.has(called))
    .map(({ name }) => name)
    .filter((name) => !(isOlder && name === 'FUNCTION'));
}

function findingOf(name: string, instance: string, wanted: ReadonlySet<NeedyOperation>): Finding {
  const needy = (Object.keys(NEEDED_COMMANDS) as NeedyOperation[]).filter((operation) =>
    (NEEDED_COMMANDS[operation] as readonly string[]).includes(name),
  );
  const useful: Readonly<Record<string, string>> = USEFUL_COMMANDS;
  const falls = needy.length > 0 ? [`cannot be done without it: ${formatList(needy)}`] : [];
  const instead = useful[name] === undefined ? [] : [`else ${useful[name]}`];
  const message = `${name} is disabled there, or has another name (rename-command): ${[...falls, ...instead].join('; ')}`;
  const next =
    name === NEVER_RENAMED
      ? `Remove the rename-command line of ${name}: under another name Redis takes it for SYNC, and no replica works either.`
      : `Say what it is called by instances.${instance}.commands: { ${name}: <name> }; a disabled one stays as it is told here.`;
  return needy.some((operation) => wanted.has(operation))
    ? failed('commands', message, next)
    : warning('commands', message, next);
}

/** What is configured to be done by itself, and what was asked for. */
function operationsOf({ backup, archive, watch, applications }: InstanceShard, apply: boolean): NeedyOperation[] {
  const all: [NeedyOperation, boolean][] = [
    ['backups by replication', backup.method === 'replication'],
    ['backups by bgsave', backup.method === 'bgsave'],
    ['the continuous log', archive !== undefined],
    ['the watcher', watch !== undefined],
    ['finding applications among the clients', applications.some(({ kind }) => kind === 'clients')],
    ['check --apply', apply],
  ];
  return all.filter(([, isWanted]) => isWanted).map(([operation]) => operation);
}
