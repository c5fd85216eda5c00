import { RecoveryError } from '../../../model/errors.ts';
import type { LiveFacts } from '../../../model/restore/plan/facts.ts';
import type { TargetFacts } from '../../../model/restore/plan/plan.ts';
import type { ShardRef } from '../../../model/shard.ts';
import { spaceReport } from '../../../platforms/data-directory.ts';
import { openRedis, type RedisClient } from '../../../redis/client/client.ts';
import { placeOf } from '../../../redis/client/connection.ts';
import { readLiveConditions } from '../../../redis/live/conditions.ts';
import { ownAddressTowards } from '../../../redis/live/own-address.ts';
import { dryReachability } from '../../../redis/live/reachability.ts';
import type { Dependencies, ProtectedInstance } from '../../dependencies.ts';
import { commandsNow } from '../survey-commands.ts';
import { askServer, withClasses } from '../survey-target.ts';
import { whoAnswers } from '../target-identity.ts';

/** What a live restore has to know beforehand. */
export interface LiveSurvey {
  target: TargetFacts;
  live: LiveFacts;
}

export const createLiveSurveyActivities = (deps: Dependencies) => ({
  /**
   * Looks at a Redis that would be loaded live, from the machine that would feed it, and tries whether Redis can connect
   * there. Changes nothing but a key of its own that it deletes.
   */
  async surveyLive(of: ShardRef): Promise<LiveSurvey> {
    const target = await deps.shard(of);
    using client = await openRedis(target.connection);
    const { target: facts, live } = await surveyLiveServer(deps, target, client);
    return { target: await withClasses(target, facts), live };
  },
});

/** All but the count of its keys one by one, which takes its time. */
export async function surveyLiveServer(deps: Dependencies, target: ProtectedInstance, client: RedisClient): Promise<LiveSurvey> {
  const conditions = await readLiveConditions(client);
  const workerAddress = deps.live?.address ?? (await ownAddressTowards(target.connection));
  const path = conditions.role === 'master' && !conditions.isCluster ? await tryPath(deps, client, workerAddress) : undefined;
  const facts = { ...factsWithoutFiles(target), commands: await commandsNow(client, target) };
  const said = await askServer(client, facts, deps.now);
  const identity = { ...facts.identity, ...said.identity, ...(await whoAnswers(deps, target, client)) };
  return {
    target: { ...facts, ...said, identity },
    live: { ...conditions, ...(await diskOf(target)), workerAddress, ...(path ? { path } : {}) },
  };
}

/** Of its own files, where they are on this machine. */
async function diskOf({ control, files }: ProtectedInstance): Promise<Pick<LiveFacts, 'disk'>> {
  if (!control?.isAtHand || !files?.isAtHand) return {};
  const { layout } = files.open(await control.open().dataLayout());
  const { freeBytes } = await spaceReport(layout);
  return { disk: { dir: layout.dir, freeBytes } };
}

/** Where the listener is bound: everywhere when the address that Redis uses is not one of this machine (NAT, containers). */
export const listenHostOf = (deps: Dependencies, address: string): string => deps.live?.listen ?? address;

async function tryPath(deps: Dependencies, client: RedisClient, address: string): Promise<LiveFacts['path']> {
  try {
    const tried = await dryReachability(client, address, deps.live?.port ?? 0, { listenHost: listenHostOf(deps, address) });
    return tried.isReachable ? { isReachable: true } : tried;
  } catch (error) {
    const mayNotTry = error instanceof RecoveryError && ['REDIS_PERMISSION_DENIED', 'REDIS_REFUSED'].includes(error.code);
    if (mayNotTry) return undefined; // the plan says that it could not be tried
    throw error;
  }
}

/** Nobody looks at files, disk or process of a Redis that is loaded over the network. */
const factsWithoutFiles = ({ connection, applications }: ProtectedInstance): TargetFacts => ({
  description: `Redis at ${placeOf(connection)}`,
  reachable: true,
  replicas: [],
  layout: { dir: '/', dbfilename: '', appendonly: false, appenddirname: '', appendfilename: '' },
  disk: { freeBytes: 0, existingBytes: 0 },
  memory: {},
  identity: {},
  processRunning: true,
  applications: applications.map(({ name }) => name),
});
