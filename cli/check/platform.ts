import { access, constants } from 'node:fs/promises';
import type { ControlPart } from '../../activities/dependencies.ts';
import { strangerToUs } from '../../activities/owner.ts';
import { saidBy } from '../../activities/restore/target-identity.ts';
import { strangerRefusing, whatToDo } from '../../activities/stranger.ts';
import type { InstanceShard } from '../../config/config.ts';
import { messageOf } from '../../model/errors.ts';
import { formatBytes } from '../../model/format.ts';
import { type NamedShard, shardIn } from '../../model/shard.ts';
import type { PlaceRights } from '../../model/worker-rights.ts';
import { spaceReport } from '../../platforms/data-directory.ts';
import type { Control, DataLayout, SameServer } from '../../platforms/platform.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { ifKnown } from '../../redis/client/renames.ts';
import { type PlatformParts, partsHere } from '../../worker/parts.ts';
import { shardHere } from '../connection.ts';
import { type CheckContext, type Finding, failed, findings, ok, warning } from './finding.ts';
import { checkLeftovers } from './leftovers.ts';
import { checkNextStart } from './next-start.ts';

/** It is found, and its files are where they can be replaced. Each only where it is at hand. */
export async function checkPlatform(
  context: Pick<CheckContext, 'config' | 'repository'>,
  instance: InstanceShard,
  client: RedisClient | undefined,
  rights: PlaceRights | string | undefined,
): Promise<Finding[]> {
  const { config } = context;
  const { name } = instance;
  const parts = partsHere(config, instance);
  const { control } = parts;
  if (!control)
    return [ok('platform', 'external: it is backed up over the network; restores that stop and replace it are refused')];
  if (!control.isAtHand)
    return [ok('platform', `it runs ${control.where}: run \`redis-backup check ${name}\` there to look at it and its files`)];
  const opened = control.open();
  const found = await findings('platform', async () => [
    ...(await serverFindings(context, { ...shardIn(instance), control }, client)),
    ...(await filesFindings({ ...parts, control }, opened, rights)),
    ...(await sameServer(opened, client)),
  ]);
  const { connection } = await shardHere(config, instance);
  return [...found, ...(await checkNextStart(name, opened, connection, client))];
}

async function serverFindings(
  context: Pick<CheckContext, 'repository'>,
  target: NamedShard & { control: ControlPart },
  client: RedisClient | undefined,
): Promise<Finding[]> {
  const instance = target.name;
  const opened = target.control.open();
  const stranger = await (client ? strangerToUs(context, target, client) : strangerRefusing(target));
  if (stranger !== undefined)
    return [failed('platform', `another Redis answers in the place of ${instance}: ${stranger}`, whatToDo(instance))];
  const { running, name } = await opened.status();
  if (!running)
    return [warning('platform', `${opened.description} does not run`, `Bring it back: \`redis-backup recover ${instance}\`.`)];
  const runs = ok('platform', `${opened.description} runs as ${name}`);
  return (await opened.logs(1)).length > 0 ? [runs] : [runs, UNREADABLE_LOG];
}

/** A server that runs has logged its start. */
const UNREADABLE_LOG = warning(
  'log',
  'nothing can be read of what it has logged: a recovery then cannot tell damaged data from a crash',
  'Set `logfile` in its redis.conf, or platform.start.logFile, and let the user of the worker read that file.',
);

async function filesFindings(
  { control, files }: PlatformParts & { control: ControlPart },
  opened: Control,
  rights: PlaceRights | string | undefined,
): Promise<Finding[]> {
  const said = await opened.dataLayout();
  if (!files) return [];
  if (!files.isAtHand) return [ok('data directory', `${said.dir}: reached ${files.where}, where a worker looks at it`)];
  const { layout } = files.open(said);
  return [...(await directoryFindings(control.runs, layout, rights)), ...(await checkLeftovers(layout))];
}

async function directoryFindings(
  named: string,
  layout: DataLayout,
  rights: PlaceRights | string | undefined,
): Promise<Finding[]> {
  const unusable = await access(layout.dir, constants.R_OK | constants.W_OK | constants.X_OK).then(() => undefined, messageOf);
  // It is the worker who must: what it says of itself is another finding.
  if (unusable !== undefined && typeof rights === 'object')
    return [ok('data directory', `${layout.dir}: the user of this command may not look into it`)];
  if (unusable !== undefined) {
    const next = 'Run the worker on that machine as a user who may write there: the one of Redis, or root.';
    return [failed('data directory', `${layout.dir}, which ${named} names, cannot be used: ${unusable}`, next)];
  }
  const { freeBytes, dataBytes, obstacles } = await spaceReport(layout);
  if (obstacles.length > 0) {
    return [
      failed(
        'data directory',
        `the data in ${layout.dir} cannot be replaced: ${obstacles.join('; ')}`,
        'Remove the obstacle, or no restore can begin.',
      ),
    ];
  }
  const room = `${formatBytes(dataBytes)} of data, ${formatBytes(freeBytes)} free`;
  // Old and new data stand side by side, and the backup is staged there first.
  if (freeBytes < dataBytes) {
    return [
      warning(
        'data directory',
        `${layout.dir} has ${room}: a restore keeps the old data aside and may not fit`,
        'Make room, or expect a restore to be refused.',
      ),
    ];
  }
  return [ok('data directory', `${layout.dir}: ${room}`)];
}

/** What answers may be in a container on this machine, or another Redis behind the same address: a restore of it is refused. */
async function sameServer(opened: Control, client: RedisClient | undefined): Promise<Finding[]> {
  const { pid } = client ? saidBy(await client.info('server')) : {};
  if (client === undefined || pid === undefined) return [];
  const { dir } = (await ifKnown(client.configGet('dir'))) ?? {};
  // What is told of itself by its own file proves nothing.
  const said = { pid, ...(dir === undefined || client.unasked.has('CONFIG GET') ? {} : { dir }) };
  const why = (await opened.status()).running
    ? whyAnother(await opened.identify(said))
    : `process ${pid} answers, and ${opened.description} does not run`;
  if (why === undefined) return [];
  return [
    failed(
      'identity',
      `the server that answers is another one: ${why}`,
      'Correct url, platform.configFile or platform.start: a restore of another Redis is refused.',
    ),
  ];
}

const whyAnother = (found: SameServer): string | undefined => (found.same === 'no' ? found.why : undefined);
