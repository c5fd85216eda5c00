import { foreignRepository, foreignTo, type Owner, type OwnershipSigns, ownerOf, takenOver } from '../model/backup/owner.ts';
import { ANY_HOST, type Target } from '../model/deployment.ts';
import type { NamedShard, ShardRef } from '../model/shard.ts';
import type { RedisClient } from '../redis/client/client.ts';
import type { Repository } from '../repository/repository.ts';
import type { Dependencies, ProtectedInstance } from './dependencies.ts';
import { bounded } from './recovery/bounded.ts';
import { stranger, strangerAnswering } from './stranger.ts';

/** So many of the newest backups say what their Redis was. */
const LOOK_BACK = 20;

type Storing = Pick<ProtectedInstance, keyof NamedShard | 'control' | 'target'>;

/**
 * Before anything is stored: is this the Redis that is configured, and are the backups under this name those of this Redis? The
 * first to store claims them. One that has moved, and is known by its run id or its history, stays their owner.
 * @param sinceMs - before what is stored was taken
 * @throws RecoveryError `REPOSITORY_FOREIGN`; `TARGET_IDENTITY` if another Redis answers in its place
 */
export async function claimRepository(
  deps: Dependencies,
  instance: Storing,
  client: RedisClient,
  sinceMs: number = deps.now(),
): Promise<void> {
  const { target } = instance;
  if (!target) return;
  await refuseStrangeHistory(deps, instance, client);
  const at = new Date(sinceMs).toISOString();
  const ownership = (await deps.repository()).ownership(target.instance);
  await requireOurs(deps, target, client, await ownership.claim(ownerOf(target, at)));
}

/** The same before anything is begun. Where nobody has claimed them, nothing is claimed. @throws RecoveryError as `claimRepository` */
export async function refuseAnothersRepository(deps: Dependencies, instance: Storing, client: RedisClient): Promise<void> {
  await refuseStrangeHistory(deps, instance, client);
  const { target } = instance;
  const owner = target && (await (await deps.repository()).ownership(target.instance).read());
  if (owner) await requireOurs(deps, target, client, owner);
}

/** One that goes on with our history, as a replica does that was promoted, is no stranger, whatever its redis.conf is. */
async function refuseStrangeHistory(deps: Dependencies, instance: Storing, client: RedisClient): Promise<void> {
  const why = await strangerAnswering(instance, client);
  if (why !== undefined && !(await goesOnWithOurs(deps, instance, client))) throw stranger(instance.name, why);
}

/** How long a look waits for the store. */
const HISTORY_MS = 1_000;

/** The same to whoever only looks: why it is surely another, unless it is known to go on with our history. */
export async function strangerToUs(
  stored: Pick<Dependencies, 'repository'>,
  instance: Omit<Storing, 'target'>,
  client: RedisClient,
): Promise<string | undefined> {
  const why = await strangerAnswering(instance, client);
  if (why === undefined) return undefined;
  const asked = await bounded('its history', HISTORY_MS, () => goesOnWithOurs(stored, instance, client));
  return asked.value ? undefined : why;
}

async function goesOnWithOurs(
  { repository }: Pick<Dependencies, 'repository'>,
  of: ShardRef,
  client: RedisClient,
): Promise<boolean> {
  const all = await repository();
  const info = await client.info('replication');
  const replids = [info.get('master_replid'), info.get('master_replid2')];
  const timeline = await all.archive(of).newestTimeline();
  const backups = (await all.snapshots(of).list()).slice(-LOOK_BACK);
  return [timeline?.replid, ...backups.map(({ replication }) => replication.replid)].some((id) => id && replids.includes(id));
}

async function requireOurs(deps: Dependencies, target: Target, client: RedisClient, owner: Owner): Promise<void> {
  if (foreignTo(owner, target).length === 0) return sharpen(deps, owner, target);
  const repository = await deps.repository();
  const at = new Date(deps.now()).toISOString();
  if (!(await isKnown(repository, owner, await signsOf(client)))) throw foreignRepository(owner, target, 'nothing is stored');
  const taken = takenOver(owner, target, at, 'the same Redis, by its run id or replication id');
  await repository.ownership(target.instance).replace(taken);
}

/** A command, which may be run anywhere, has claimed them; the machine is known here. */
async function sharpen(deps: Dependencies, owner: Owner, { host }: Target): Promise<void> {
  if (owner.host === ANY_HOST && host !== undefined && host !== ANY_HOST)
    await (await deps.repository()).ownership(owner.instance).replace({ ...owner, host });
}

/** @throws RecoveryError `REPOSITORY_FOREIGN` @param what - what is refused */
export async function requireOwnRepository(
  deps: Dependencies,
  { target }: Pick<ProtectedInstance, 'target'>,
  what: string,
): Promise<void> {
  if (target) await (await deps.repository()).ownership(target.instance).requireOwn(target, what);
}

/** Whose they are, if they are somebody else's. */
export async function foreignOwner(deps: Dependencies, target: Target | undefined): Promise<Owner | undefined> {
  return target && (await deps.repository()).ownership(target.instance).foreignTo(target);
}

/** Of what this owner has stored: who was taken over by a command stays so. */
async function isKnown(repository: Repository, { instance, since }: Owner, { runId, replid }: OwnershipSigns): Promise<boolean> {
  const ofShards = (await repository.shards(instance)).map((shard) => repository.snapshots({ instance, shard }).list());
  const newest = (await Promise.all(ofShards))
    .flatMap((all) => all.slice(-LOOK_BACK))
    .filter(({ times }) => times.takenAt >= since);
  return newest.some(({ server, replication }) => server.runId === runId || (replid !== '' && replication.replid === replid));
}

async function signsOf(client: RedisClient): Promise<OwnershipSigns> {
  const info = await client.info('server', 'replication');
  return { runId: info.get('run_id') ?? '', replid: info.get('master_replid') ?? '' };
}
