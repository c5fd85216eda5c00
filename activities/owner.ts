import type { Target } from '../model/deployment.ts';
import { foreignRepository, foreignTo, type Owner, ownerOf, type Signs, takenOver } from '../model/owner.ts';
import type { RedisClient } from '../redis/client.ts';
import { claimOwner, foreignOwnerOf, replaceOwner, requireOwn } from '../repository/owner.ts';
import type { Repository } from '../repository/repository.ts';
import type { ProtectedInstance, World } from './world.ts';

/** So many of the newest backups say what their Redis was. */
const LOOK_BACK = 20;

/**
 * Before anything is stored: are the backups under this name those of this Redis? The first to store claims them. One that has
 * moved, and is known by its run id or its history, stays their owner.
 * @throws RecoveryError `REPOSITORY_FOREIGN`
 */
export async function claimRepository(
  world: World,
  { target }: Pick<ProtectedInstance, 'target'>,
  client: RedisClient,
): Promise<void> {
  if (!target) return;
  const repository = await world.repository();
  const at = new Date(world.now()).toISOString();
  const owner = await claimOwner(repository.store, ownerOf(target, at));
  if (foreignTo(owner, target).length === 0) return;
  if (!(await isKnown(repository, owner, await signsOf(client)))) throw foreignRepository(owner, target, 'nothing is stored');
  await replaceOwner(repository.store, takenOver(owner, target, at, 'the same Redis, by its run id or replication id'));
}

/** @throws RecoveryError `REPOSITORY_FOREIGN` @param what - what is refused */
export async function requireOwnRepository(
  world: World,
  { target }: Pick<ProtectedInstance, 'target'>,
  what: string,
): Promise<void> {
  await requireOwn((await world.repository()).store, target, what);
}

/** Whose they are, if they are somebody else's. */
export async function foreignOwner(world: World, target: Target | undefined): Promise<Owner | undefined> {
  return target && foreignOwnerOf((await world.repository()).store, target);
}

/** Of what this owner has stored: who was taken over by a command stays so. */
async function isKnown(repository: Repository, { instance, since }: Owner, { runId, replid }: Signs): Promise<boolean> {
  const newest = (await repository.list(instance)).slice(-LOOK_BACK).filter(({ times }) => times.takenAt >= since);
  return newest.some(({ server, replication }) => server.runId === runId || (replid !== '' && replication.replid === replid));
}

async function signsOf(client: RedisClient): Promise<Signs> {
  const info = await client.info('server', 'replication');
  return { runId: info.get('run_id') ?? '', replid: info.get('master_replid') ?? '' };
}
