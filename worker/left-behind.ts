import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Dependencies } from '../activities/dependencies.ts';
import { putBackAll } from '../activities/recovery/put-back-data.ts';
import { sweepRehearsals } from '../activities/restore/rehearsal/home.ts';
import { named } from '../model/deployment.ts';
import { messageOf } from '../model/errors.ts';
import { unfinishedOf } from '../model/recovery/left-behind.ts';
import type { ShardRef } from '../model/shard.ts';
import { WORKFLOW_IDS } from '../model/workflow-ids.ts';
import { leftBehind, refuseBesideDirect } from '../platforms/data-directory.ts';
import type { Control, Files } from '../platforms/platform.ts';
import { tell } from './log.ts';

/** @throws RecoveryError `LOCKED` while a `restore --direct` is at work in the data directory, where that is on this machine */
export async function refuseBesideOthers(deps: Dependencies, instance: string): Promise<void> {
  const shards = await deps.instance(instance).then(
    ({ shards }) => shards,
    () => [],
  ); // the step itself says what is wrong with it
  for (const of of shards) {
    const own = await ownRedis(deps, of).catch(() => undefined); // as that
    if (own) await refuseBesideDirect(own.files.layout);
  }
}

/**
 * Puts back what operations have moved away that did not end and that no lock in Temporal owns, before anything can start a Redis
 * without it. Redis itself is started by whoever starts it. What is in the way is said, and keeps no worker from its work.
 */
export async function putBackAtStart(deps: Dependencies, client: Client, deployment: string | undefined): Promise<void> {
  const all = await Promise.all(deps.instances().map((name) => deps.instance(name)));
  for (const of of all.flatMap(({ shards }) => shards)) {
    try {
      const own = await ownRedis(deps, of);
      const lockId = named(deployment, WORKFLOW_IDS.lock(of.instance));
      if (own) await putBackOne(of.name, own, () => isLocked(client, lockId));
    } catch (error) {
      tell('WARN', `what an operation of ${of.name} has left could not be looked at: ${messageOf(error)}`);
    }
  }
}

/** Rehearsals whose process is gone: nobody may ever begin another one that would find them. */
export async function sweepAtStart(deps: Dependencies): Promise<void> {
  await sweepRehearsals(deps).catch((error: unknown) =>
    tell('WARN', `what rehearsals have left could not be removed: ${messageOf(error)}`),
  );
}

async function putBackOne(instance: string, { control, files }: OwnRedis, locked: () => Promise<boolean>): Promise<void> {
  const { layout } = files;
  if (unfinishedOf(await leftBehind(layout)).length === 0) return;
  // Asked after looking: an operation that has begun since then holds it.
  if (await locked()) return;
  if ((await control.status()).running)
    return tell(
      'WARN',
      `Redis of ${instance} runs without data that an operation has moved away: redis-backup recover ${instance}`,
    );
  const operations = await putBackAll(layout);
  tell(
    'WARN',
    `put the data of ${instance} back that ${operations.join(', ')} had moved away; start Redis, or redis-backup recover`,
  );
}

async function isLocked(client: Client, lockId: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(lockId).describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

interface OwnRedis {
  control: Control;
  files: Files;
}

/** One that this very worker can ask, and whose files it reaches. */
async function ownRedis(deps: Dependencies, of: ShardRef): Promise<OwnRedis | undefined> {
  const { control, files } = await deps.shard(of);
  if (!control?.isAtHand || !files?.isAtHand) return undefined;
  const opened = control.open();
  return { control: opened, files: files.open(await opened.dataLayout()) };
}
