import { messageOf, RecoveryError } from '../../model/errors.ts';
import type { TargetFacts } from '../../model/restore/plan/plan.ts';
import type { ShardRef } from '../../model/shard.ts';
import { spaceReport } from '../../platforms/data-directory.ts';
import type { Control, DataLayout } from '../../platforms/platform.ts';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import { countClasses } from '../../redis/keys/count-classes.ts';
import { KeyKinds } from '../../redis/rdb/key-kinds.ts';
import { countSentinels } from '../../redis/sentinels.ts';
import { readServerFacts } from '../../redis/server-facts.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { requireControl, requireFiles } from '../parts.ts';
import type { InLayout } from '../recovery/set-aside.ts';
import { followersOf } from './followers.ts';
import { lookAtNextStart } from './next-start.ts';
import { commandsAfterStart, lackingToSave } from './survey-commands.ts';
import { saidBy, whoAnswers } from './target-identity.ts';

/** What the files say is added by `surveyFiles`. */
export type SurveyedServer = Omit<TargetFacts, 'disk'>;

export const createSurveyActivities = (deps: Dependencies) => ({
  /** Looks at the Redis that would be replaced, and at what runs it: process, memory, clock, its next start. Read-only. */
  async surveyTarget(of: ShardRef): Promise<SurveyedServer> {
    const target = await deps.shard(of);
    const facts = await surveyServer(deps, target);
    return facts.reachable ? withClasses(target, facts) : facts;
  },

  /** Looks at its data directory. Read-only. @throws RecoveryError `RESTORE_REFUSED` where what is there cannot be replaced */
  async surveyFiles({ layout, ...of }: InLayout): Promise<TargetFacts['disk']> {
    const target = await deps.shard(of);
    const files = requireFiles(target).open(layout);
    const { freeBytes, dataBytes, obstacles } = await spaceReport(files.layout);
    refuseObstacles(target.name, layout, obstacles);
    return { freeBytes, existingBytes: dataBytes };
  },
});

/** All but the count of its keys one by one, which takes its time. */
export async function surveyServer(deps: Dependencies, target: ProtectedInstance): Promise<SurveyedServer> {
  const platform = requireControl(target).open();
  const layout = await platform.dataLayout();
  const facts = await factsOfPlatform(target, platform, layout);
  using client = await openIfThere(target);
  const nextStart = await lookAtNextStart(platform, target.connection, client, currentJob().signal);
  const databases = await platform.databases();
  const commands = await commandsAfterStart(target, await platform.renamedCommands(), client);
  const ofNext = { nextStart, databases, commands };
  if (!client) return { ...facts, ...ofNext, ...(await followersOf(target, platform)) };
  const lacksSave = layout.appendonly ? [] : await lackingToSave(client, platform);
  const sentinels = await countSentinels(client);
  const said = await askServer(client, facts, deps.now);
  const dir = said.server?.policy.dir;
  const ofPlatform = await platform.identify({ ...saidBy(await client.info('server')), ...(dir ? { dir } : {}) });
  const identity = { ...facts.identity, ofPlatform, ...said.identity, ...(await whoAnswers(deps, target, client)) };
  return {
    ...facts,
    ...said,
    identity,
    ...ofNext,
    ...(lacksSave.length > 0 ? { lacksSave } : {}),
    ...(sentinels === undefined ? {} : { sentinels }),
  };
}

async function factsOfPlatform(
  { applications }: ProtectedInstance,
  platform: Control,
  layout: DataLayout,
): Promise<SurveyedServer> {
  const status = await platform.status();
  return {
    description: platform.description,
    reachable: false,
    replicas: [],
    layout,
    memory: await memoryFacts(platform),
    identity: {},
    startUser: await platform.startUser(),
    processRunning: status.running,
    ...(status.name ? { processName: status.name } : {}),
    ...(status.mayNotEnd ? { mayNotEnd: true as const } : {}),
    applications: applications.map(({ name }) => name),
  };
}

async function memoryFacts(platform: Control): Promise<TargetFacts['memory']> {
  const { residentBytes, limit, ...host } = await platform.memory();
  return {
    ...host,
    ...(limit ? { limitBytes: limit.limitBytes } : {}),
    ...(residentBytes === undefined ? {} : { processResidentBytes: residentBytes }),
  };
}

function refuseObstacles(instance: string, { dir }: DataLayout, obstacles: string[]): void {
  if (obstacles.length === 0) return;
  throw new RecoveryError('RESTORE_REFUSED', `the data of ${instance} in ${dir} cannot be replaced: ${obstacles.join('; ')}`, {
    next: 'Remove the obstacle, then plan the restore again.',
  });
}

/** A Redis that is down can be restored; one that refuses us must not be taken for down. */
async function openIfThere({ connection }: ProtectedInstance): Promise<RedisClient | undefined> {
  try {
    return await openRedis(connection, { connectTimeoutMs: 3_000, commandTimeoutMs: 5_000 });
  } catch (error) {
    if (error instanceof RecoveryError && error.code === 'REDIS_UNREACHABLE') return undefined;
    throw error;
  }
}

/** What the server says of itself. */
export async function askServer(
  client: RedisClient,
  facts: Pick<TargetFacts, 'identity'>,
  now: () => number,
): Promise<Partial<TargetFacts>> {
  const info = await client.info();
  const keyspace = info.keyspace();
  const server = await readServerFacts(client);
  const primary = info.get('role') === 'slave' ? `${info.get('master_host')}:${info.get('master_port')}` : undefined;
  return {
    reachable: true,
    loading: info.flag('loading'),
    server,
    clusterMode: info.flag('cluster_enabled'),
    ...(primary ? { primary } : {}),
    unsaved: {
      changes: info.number('rdb_changes_since_last_save') ?? 0,
      savedAtMs: (info.number('rdb_last_save_time') ?? 0) * 1000,
    },
    replicas: info.replicas(),
    clockOffsetMs: Math.round((await client.time()) - now()),
    keysNow: {
      total: keyspace.reduce((sum, { keys }) => sum + keys, 0),
      databases: keyspace.map(({ db, keys }) => ({ db, keys })),
    },
    identity: {
      ...facts.identity,
      runId: server.runId,
    },
  };
}

/** How long the keys of a target are counted by class: the plan waits for it. */
const COUNT_WITHIN_MS = 30_000;

/** Adds the keys of each class, counted one by one; or why they could not be. */
export async function withClasses<T extends Pick<TargetFacts, 'keysNow' | 'loading'>>(
  target: ProtectedInstance,
  facts: T,
): Promise<T> {
  const { keysNow } = facts;
  if (!keysNow || facts.loading) return facts;
  const { signal, progress } = currentJob();
  const tooLong = AbortSignal.timeout(COUNT_WITHIN_MS);
  try {
    using client = await openRedis(target.connection); // of its own: it is left in some database
    const kinds = new KeyKinds();
    const classes = await countClasses(client, target.classes, {
      kinds,
      signal: AbortSignal.any([signal, tooLong]),
      onProgress: (keys) => progress({ stage: 'plan', note: `${keys} keys of ${target.name} counted` }),
    });
    // Of the same moment: beside the classes nobody is shown a sum that is less than one of them.
    const total = classes.reduce((sum, { keys }) => sum + keys, 0);
    return { ...facts, keysNow: { ...keysNow, total, classes, kinds: kinds.list() } };
  } catch (error) {
    signal.throwIfAborted();
    const isLate = tooLong.aborted;
    if (!isLate && !(error instanceof RecoveryError)) throw error;
    const uncounted = isLate ? `counting them takes longer than ${COUNT_WITHIN_MS / 1000} s` : messageOf(error);
    return { ...facts, keysNow: { ...keysNow, uncounted } };
  }
}
