import type { InstanceConfig, InstanceShard } from '../../config/config.ts';
import { instanceOf, shardOf, shardsOf } from '../../config/load.ts';
import { RecoveryError } from '../../model/errors.ts';
import type { AskedShard } from '../../model/shard.ts';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import { partsHere } from '../../worker/parts.ts';
import { shardHere } from '../connection.ts';
import type { TemporalSession } from '../temporal.ts';
import { checkArchivedCommands, checkArchiver, checkArchiveServer, checkLog } from './archive.ts';
import { checkCommands } from './commands.ts';
import { checkDataClasses } from './data-classes.ts';
import { type CheckContext, type Finding, findings, ok, warning } from './finding.ts';
import { checkForeseen } from './foreseen.ts';
import { checkForgotten } from './forgotten.ts';
import { checkIdentity } from './identity.ts';
import { checkPermissions } from './permissions.ts';
import { checkPlatform } from './platform.ts';
import { checkPolicy } from './policy.ts';
import { checkRecoverySources, checkWebhook } from './recovery.ts';
import { checkBackups, checkOwner, checkRepository } from './repository.ts';
import { checkGaps } from './resyncs.ts';
import { askWorker, rightsFindings } from './rights.ts';
import { checkSchedule } from './schedule.ts';
import { checkClock, checkServer } from './server.ts';
import { checkPlace, checkTemporal } from './temporal.ts';
import { checkWatcher } from './watch.ts';
import { checkWorkerStore } from './worker-store.ts';

const TIMEOUTS = { connectTimeoutMs: 5_000, commandTimeoutMs: 10_000 };
/** A firewall may swallow all that is said behind an open connection: that is one finding, and no other question is asked. */
const FIRST_ANSWER_MS = 5_000;

/** Proves the configuration against the real thing: everything is looked at, also after something has failed. */
export async function* runChecks(world: CheckContext, asked: readonly AskedShard[]): AsyncGenerator<Finding> {
  yield ok('configuration', `${world.config.origin.file} is well-formed`);
  const ofStore = await checkRepository(world);
  yield* ofStore;
  const broken = ofStore.find(({ level }) => level === 'failed')?.message;
  const { session, found } = await checkTemporal(world);
  yield* found;
  const [first] = asked;
  const hasWorker = found.some(({ check, level }) => check === 'worker' && level === 'ok');
  if (session && first !== undefined && hasWorker) yield* await checkWorkerStore(session, first.instance);
  yield* await checkWebhook(world);
  if (session) yield* await checkForgotten(world, session);
  for (const { instance, shard } of asked) {
    const found = await checkInstance(world, instanceOf(world.config, instance), { session, hasWorker }, shard);
    for (const finding of saidOnce(found, broken)) yield { instance, ...finding };
  }
}

/** What is wrong with the repository is one finding, and not one of each check that reads there. */
function saidOnce(all: readonly Finding[], broken: string | undefined): Finding[] {
  const same = all.filter(({ level, message }) => level === 'failed' && message === broken);
  if (same.length === 0) return [...all];
  const unknown = same.map(({ check }) => check).join(', ');
  return [
    ...all.filter((one) => !same.includes(one)),
    warning(
      'not looked at',
      `the repository cannot be used, so nothing is known of this: ${unknown}`,
      'Check again when what `repository` says is mended.',
    ),
  ];
}

/** A refusal is an answer, and what it is about the checks say. */
function unlessAnswered(error: unknown): void {
  if (!(error instanceof RecoveryError) || error.code === 'REDIS_UNREACHABLE') throw error;
}

/** Who else can be asked. */
interface Others {
  session: TemporalSession | undefined;
  /** Anywhere. */
  hasWorker: boolean;
}

/** @param only - one of its shards */
async function checkInstance(
  world: CheckContext,
  instance: InstanceConfig,
  others: Others,
  only: string | undefined,
): Promise<Finding[]> {
  const { session } = others;
  const all: Finding[] = [];
  for (const one of only === undefined ? shardsOf(instance) : [shardOf(instance, only)])
    all.push(...(await checkShard(world, one, others)).map((finding) => ({ ...finding, instance: one.name })));
  all.push(...(await checkOwner(world, instance.name)));
  if (session) all.push(...(await checkSchedule(session, instance, world)));

  return all;
}

async function checkShard(asked: CheckContext, instance: InstanceShard, { session, hasWorker }: Others): Promise<Finding[]> {
  const { name } = instance;
  const { control } = partsHere(asked.config, instance);
  let client: RedisClient | undefined;
  const all = await findings('redis', async () => {
    const { connection } = await shardHere(asked.config, instance);
    using first = await openRedis(connection, { ...TIMEOUTS, commandTimeoutMs: FIRST_ANSWER_MS });
    await first.info('server').catch(unlessAnswered);
    client = await openRedis(connection, TIMEOUTS);
    return [];
  });
  try {
    const place = session && control ? await checkPlace(session, control.queue) : [];
    const rights = session && place.some(({ level }) => level === 'ok') ? await askWorker(session, instance) : undefined;
    const onPlatform = await checkPlatform(asked, instance, client, rights);
    const identity = client ? await checkIdentity(asked, instance, client) : [];
    const isSpared = client !== undefined && asked.apply && [...identity, ...onPlatform].some(isAnother);
    const world = isSpared ? { ...asked, apply: false } : asked;
    if (client)
      all.push(...(await checkRedis(world, instance, client, [...identity, ...(isSpared ? [nothingApplied(name)] : [])])));
    all.push(...(await checkBackups(world, instance)));
    all.push(...(await checkDataClasses(world, client, instance)), ...(await checkRecoverySources(world, instance, client)));
    all.push(...onPlatform, ...place, ...(rights === undefined ? [] : rightsFindings(rights)));
    all.push(...(await checkLogging(world, instance, session)));
    const isThere = control ? typeof rights === 'object' : hasWorker; // who did not answer that is not waited for again
    all.push(...(await checkForeseen(world, instance, { session: isThere ? session : undefined, said: all })));
  } finally {
    client?.close();
  }
  return [
    ...all,
    ...notLookedAt(
      { ...instance, hasPlace: control !== undefined },
      { redis: client !== undefined, temporal: session !== undefined },
    ),
  ];
}

/** What the server itself is asked. @param identity - whether it is the one that is meant */
const checkRedis = async (
  world: CheckContext,
  instance: InstanceShard,
  client: RedisClient,
  identity: Finding[],
): Promise<Finding[]> => [
  ...(await checkServer(client)),
  ...identity,
  ...(await checkCommands(client, instance, world)),
  ...(await checkPermissions(client, instance, world)),
  ...(await checkClock(client, world.now)),
  ...(await checkPolicy(client, instance, world)),
  ...(await checkArchiveServer(client, instance, world)),
];

/** The continuous log, and who keeps it; and who watches. */
const checkLogging = async (
  world: CheckContext,
  instance: InstanceShard,
  session: TemporalSession | undefined,
): Promise<Finding[]> => [
  ...(await checkLog(world, instance)),
  ...(await checkGaps(world, instance)),
  ...(await checkArchivedCommands(world, instance)),
  ...(session ? await checkArchiver(session, instance, world.apply) : []),
  ...(session ? await checkWatcher(session, instance, world.apply) : []),
];

const isAnother = ({ check, level }: Finding): boolean => check === 'identity' && level === 'failed';

/** What was meant for one Redis is done to no other. */
const nothingApplied = (name: string): Finding =>
  warning(
    'apply',
    `nothing was changed for ${name}: the Redis that answers may be another one`,
    'Mend what `identity` says, then repeat the command.',
  );

/** What could not be asked is not well: it is not known. */
export function notLookedAt(
  { hasPlace, archive, watch }: Pick<InstanceConfig, 'archive' | 'watch'> & { hasPlace: boolean },
  answers: { redis: boolean; temporal: boolean },
): Finding[] {
  const ofRedis = ['permissions', 'clock', 'persistence policy', archive && 'what the continuous log needs'];
  const ofTemporal = [
    'schedule',
    hasPlace && 'whether a worker is at its place, and what it may do there',
    archive && 'archiver',
    watch && 'watcher',
  ];
  const say = (who: string, what: (string | false | undefined)[]) =>
    warning(
      'not looked at',
      `${who} does not answer, so nothing is known of this: ${what.filter((one) => one).join(', ')}`,
      'Check again when it answers.',
    );
  return [...(answers.redis ? [] : [say('Redis', ofRedis)]), ...(answers.temporal ? [] : [say('Temporal', ofTemporal)])];
}
