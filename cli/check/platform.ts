import { access, constants, realpath } from 'node:fs/promises';
import { strangerAnswering, whatToDo } from '../../activities/stranger.ts';
import type { Config, InstanceConfig, ProcessConfig } from '../../config/config.ts';
import { messageOf } from '../../model/errors.ts';
import { formatBytes } from '../../model/format.ts';
import type { PlaceRights } from '../../model/worker-rights.ts';
import { spaceReport } from '../../platforms/data-directory.ts';
import type { Control, DataLayout } from '../../platforms/platform.ts';
import { openProcessPlatform } from '../../platforms/process/process-platform.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { ownEndpointOf } from '../../redis/client/connection.ts';
import { ifKnown } from '../../redis/client/renames.ts';
import { instanceHere } from '../connection.ts';
import { type Finding, failed, findings, ok, warning } from './finding.ts';
import { checkLeftovers } from './leftovers.ts';
import { checkNextStart } from './next-start.ts';

/** The process is found, and its files are where they can be replaced. Only on the machine that it runs on. */
export async function checkPlatform(
  config: Config,
  instance: InstanceConfig,
  client: RedisClient | undefined,
  rights: PlaceRights | string | undefined,
): Promise<Finding[]> {
  const { platform } = instance;
  if (platform.type === 'external') {
    return [ok('platform', 'external: it is backed up over the network; restores that stop and replace it are refused')];
  }
  if (platform.host !== config.worker.host) {
    return [
      ok(
        'platform',
        `it runs on ${platform.host}: run \`redis-backup check ${instance.name}\` there to look at its process and files`,
      ),
    ];
  }
  const found = await findings('platform', () => lookAtProcess(platform, instance, client, rights));
  const opened = openProcessPlatform({ ...platform, ...ownEndpointOf(instance.redis) });
  const { connection } = await instanceHere(config, instance.name);
  return [...found, ...(await checkNextStart(instance.name, opened, connection, client))];
}

async function lookAtProcess(
  config: ProcessConfig,
  { redis, name }: InstanceConfig,
  client: RedisClient | undefined,
  rights: PlaceRights | string | undefined,
): Promise<Finding[]> {
  const opened = openProcessPlatform({ ...config, ...ownEndpointOf(redis) });
  const layout = await opened.dataLayout();
  return [
    ...(await processFindings(opened, config, name, client)),
    ...(await directoryFindings(config, layout, rights)),
    ...(await checkLeftovers(layout)),
    ...(await sameDirectory(config, layout, client)),
    ...(await sameProcess(opened, client)),
  ];
}

async function processFindings(
  opened: Control,
  { configFile }: ProcessConfig,
  instance: string,
  client: RedisClient | undefined,
): Promise<Finding[]> {
  const target = { instance, address: '', configFile, repository: '' };
  const control = { queue: '', isAtHand: true, noProgressMs: 0, open: () => opened };
  const stranger = client && (await strangerAnswering({ name: instance, target, control }, client));
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

async function directoryFindings(
  { configFile }: ProcessConfig,
  layout: DataLayout,
  rights: PlaceRights | string | undefined,
): Promise<Finding[]> {
  const unusable = await access(layout.dir, constants.R_OK | constants.W_OK | constants.X_OK).then(() => undefined, messageOf);
  // It is the worker who must: what it says of itself is another finding.
  if (unusable !== undefined && typeof rights === 'object')
    return [ok('data directory', `${layout.dir}: the user of this command may not look into it`)];
  if (unusable !== undefined) {
    const next = 'Run the worker on that machine as a user who may write there: the one of Redis, or root.';
    return [failed('data directory', `${layout.dir}, which ${configFile} names, cannot be used: ${unusable}`, next)];
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

/** Another directory means another Redis, or a configuration file that it was not started with. */
async function sameDirectory(
  { configFile }: ProcessConfig,
  layout: DataLayout,
  client: RedisClient | undefined,
): Promise<Finding[]> {
  const dir = client && (await ifKnown(client.configGet('dir')))?.dir;
  if (dir === undefined || client?.unasked.has('CONFIG GET')) return []; // what is told of itself by its own file proves nothing
  const [said, configured] = await Promise.all([real(dir), real(layout.dir)]);
  if (said === configured) return [];
  const message = `the server that answers keeps its data in ${said}, and ${configFile} names ${configured}: is it another Redis?`;
  return [
    failed(
      'identity',
      message,
      'Correct url, platform.configFile or the configuration of Redis: a restore of another Redis is refused.',
    ),
  ];
}

/** What answers may be in a container on this machine, which is not what is managed here. */
async function sameProcess(opened: Control, client: RedisClient | undefined): Promise<Finding[]> {
  const said = (await client?.info())?.number('process_id');
  if (said === undefined) return [];
  const { running } = await opened.status();
  const found = running ? await opened.identify({ pid: said }) : undefined;
  if (found && found.same !== 'no') return [];
  const why = found?.why ?? `process ${said} answers, and no such process runs on this machine`;
  return [
    failed(
      'identity',
      `the server that answers is another one: ${why}`,
      'Correct url, platform.configFile or platform.start: a restore of another Redis is refused.',
    ),
  ];
}

const real = (path: string) => realpath(path).catch(() => path);
