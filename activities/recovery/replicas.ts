import { isDeepStrictEqual } from 'node:util';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import { type Candidate, chooseReplica } from '../../model/recovery/choose-replica.ts';
import type { ActionInput, Assessment } from '../../model/recovery/recovery.ts';
import { sentinelsWatch } from '../../model/restore/plan/facts.ts';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import type { RedisConnection } from '../../redis/client/connection.ts';
import { probeWrite } from '../../redis/health/probe-write.ts';
import { becomePrimary, followReplica, hostAndPort, neighbour, type RoleFacts, readRole } from '../../redis/roles.ts';
import { countSentinels } from '../../redis/sentinels.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { quickly } from './shutdown.ts';

export interface Failed {
  address: string;
  why: string;
}

export interface Detached {
  detached: { address: string; keys: number }[];
  failed: Failed[];
}

export interface PromotedReplica {
  address: string;
  keys: number;
  /** Replicas that follow it now. */
  following: string[];
  failed: Failed[];
}

type Replicas = Assessment['replicas'];

const QUICK = { connectTimeoutMs: 3_000, commandTimeoutMs: 10_000 };

/** Acts on the replicas of an instance, over the network only. Each is idempotent. They need `+replicaof +info` there. */
export const createReplicaActivities = (deps: Dependencies) => ({
  /**
   * Lets every replica that has data go on by itself, so that an empty primary can't wipe it. One that follows another of them,
   * which was promoted, is out of harm already. Those that were not reached are named: when the primary starts, they follow it.
   */
  async detachReplicas({ assessment, ...of }: ActionInput): Promise<Detached> {
    await deps.requireLock(of.instance);
    const target = await deps.shard(of);
    currentJob().progress({ stage: 'replicas', note: 'replicas with data stop following' });
    return detachAll(target, assessment.replicas);
  },

  /**
   * Makes the replica that lost least a primary, proves that it takes writes, and lets the others follow it that are replicas still:
   * a primary that has data stays one. A retry finds the same one. Clients must be pointed at it.
   * @throws RecoveryError `REDIS_UNREACHABLE` if none with data answers; `RESTORE_REFUSED` where a Sentinel watches it; what
   *   refuses the write, before another follows it
   */
  async promoteReplica({ assessment, ...of }: ActionInput): Promise<PromotedReplica> {
    await deps.requireLock(of.instance);
    const target = await deps.shard(of);
    const { progress } = currentJob();
    const { done, failed } = await readReplicas(target, assessment.replicas);
    const best = chooseReplica(done.map(({ address, result }): Candidate => ({ address, ...result })));
    if (!best) throw noneWithData(target.name, failed);
    progress({ stage: 'replicas', note: `${best.address}, with ${best.keys} keys, becomes the primary` });
    using client = await openRedis(neighbour(target.connection, best.address), QUICK);
    await refuseSentinels(client, best.address);
    const { keys } = await becomePrimary(client);
    const waitsForReplicas = await provesWrites(client);
    const others = done.filter(({ address }) => address !== best.address);
    const followers = await eachReplica(target, others, async (other) => {
      const { role, keys } = await readRole(other);
      if (role === 'master' && keys > 0) throw new Error(`it is a primary with ${keys} keys, and left alone`);
      await followReplica(other, hostAndPort(best.address));
    });
    if (waitsForReplicas) progress({ stage: 'replicas', note: `${best.address} takes writes when its replicas have its data` });
    const following = followers.done.map(({ address }) => address);
    return { address: best.address, keys, following, failed: [...failed, ...followers.failed] };
  },
});

export async function detachAll(target: ProtectedInstance, replicas: Replicas): Promise<Detached> {
  const withData = replicas.filter(({ keys }) => keys > 0);
  const known = await readReplicas(target, withData);
  const { done, failed } = await eachReplica(target, known.done, async (client, { result }) => {
    const { keys } = followsOneOf(known.done, result) ? result : await becomePrimary(client);
    if (keys === 0) throw new Error('it has lost its data already');
    return keys;
  });
  return { detached: done.map(({ address, result }) => ({ address, keys: result })), failed: [...known.failed, ...failed] };
}

/**
 * A replica that would be wiped when this primary starts empty, or with less.
 * @throws RecoveryError `RESTORE_REFUSED`, naming it. One that doesn't answer is no reason to keep clients waiting.
 */
export async function refuseFollowers({ name, connection }: ProtectedInstance, replicas: Replicas): Promise<void> {
  const following = await Promise.all(
    replicas.map(async ({ address }) => {
      const facts = await quickly(neighbour(connection, address), readRole).catch(() => undefined);
      return facts?.role === 'slave' && facts.keys > 0 && !followsOneOf(replicas, facts) ? address : undefined;
    }),
  );
  const first = following.find((address) => address !== undefined);
  if (first === undefined) return;
  throw new RecoveryError('RESTORE_REFUSED', `replica ${first} has data and still follows ${name}: this start would wipe it`, {
    next: `Let it go first: REPLICAOF NO ONE on ${first}. Or promote it.`,
  });
}

const followsOneOf = (replicas: readonly { address: string }[], { primary }: RoleFacts): boolean =>
  primary !== undefined && replicas.some(({ address }) => isDeepStrictEqual(hostAndPort(address), primary));

/**
 * What they are now. Between the look and the act a question may lie, and an address may be of another server by now: who is not of
 * the history that it was found with, nor follows one that is, is left alone.
 */
async function readReplicas(target: ProtectedInstance, replicas: Replicas): Promise<Done<RoleFacts>> {
  const { done, failed } = await eachReplica(target, replicas, async (client, { replid }) => {
    const facts = await readRole(client);
    return { facts, isKnown: facts.replids.includes(replid) };
  });
  const known = done.filter(({ result }) => result.isKnown);
  const [kept, others] = [[] as typeof done, [] as Failed[]];
  for (const one of done) {
    if (one.result.isKnown || followsOneOf(known, one.result.facts)) kept.push(one);
    else others.push({ address: one.address, why: 'it is of another history than it was found with, and left alone' });
  }
  return { done: kept.map(({ address, result }) => ({ address, result: result.facts })), failed: [...failed, ...others] };
}

interface Done<T> {
  done: { address: string; result: T }[];
  failed: Failed[];
}

async function eachReplica<R extends { address: string }, T>(
  { connection }: ProtectedInstance,
  replicas: readonly R[],
  action: (client: RedisClient, replica: R) => Promise<T>,
): Promise<Done<T>> {
  const failed: Failed[] = [];
  const done: { address: string; result: T }[] = [];
  await Promise.all(
    replicas.map(async (replica) => {
      const { address } = replica;
      try {
        done.push({ address, result: await at(neighbour(connection, address), (client) => action(client, replica)) });
      } catch (error) {
        failed.push({ address, why: messageOf(error) }); // reported: one that is gone must not keep the others from being saved
      }
    }),
  );
  const addresses = replicas.map(({ address }) => address);
  const order = (one: { address: string }, other: { address: string }) =>
    addresses.indexOf(one.address) - addresses.indexOf(other.address);
  return { done: done.sort(order), failed: failed.sort(order) };
}

async function at<T>(connection: RedisConnection, action: (client: RedisClient) => Promise<T>): Promise<T> {
  using client = await openRedis(connection, QUICK);
  return await action(client);
}

/** Two that promote make two primaries: Sentinel turns a replica that it has not promoted itself back, or promotes another one. */
async function refuseSentinels(client: RedisClient, address: string): Promise<void> {
  const sentinels = await countSentinels(client);
  if (!sentinels) return;
  throw new RecoveryError('RESTORE_REFUSED', `${sentinelsWatch(sentinels)} replica ${address}: the promotion is theirs`, {
    next: 'Wait for their failover, or order it (SENTINEL FAILOVER). To promote by hand, take it out of their care before (SENTINEL REMOVE).',
  });
}

/** True where `min-replicas-to-write` refuses writes until its replicas follow. */
async function provesWrites(client: RedisClient): Promise<boolean> {
  try {
    await probeWrite(client);
    return false;
  } catch (error) {
    if (messageOf(error).includes('NOREPLICAS')) return true;
    throw error;
  }
}

const noneWithData = (instance: string, failed: readonly Failed[]) =>
  new RecoveryError(
    'REDIS_UNREACHABLE',
    `no replica of ${instance} has data and answers${failed.map(({ address, why }) => `; ${address}: ${why}`).join('')}`,
    { next: 'Check recovery.replicas of the instance, or restore a backup.' },
  );
