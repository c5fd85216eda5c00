import { realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AofManifest } from '../../model/backup/aof-manifest.ts';
import { takenFromOf } from '../../model/backup/owner.ts';
import type { BackupInput } from '../../model/operations.ts';
import type { ShardRef } from '../../model/shard.ts';
import { ownWorkDirectory } from '../../platforms/data-directory.ts';
import { WORK_DIRECTORY } from '../../platforms/data-layout.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import { pinAof } from '../../redis/aof/copy.ts';
import { openRedis } from '../../redis/client/client.ts';
import { unlessGone } from '../../redis/client/errors.ts';
import { requireLink } from '../../redis/roles.ts';
import { readServerFacts } from '../../redis/server-facts.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { byteProgress, currentJob } from '../job-context.ts';
import { claimRepository } from '../owner.ts';
import { filesThatItNames, requireControl, requireFiles } from '../parts.ts';
import { storeAof } from './store-aof.ts';

/** What must be put back, seen before anything is changed. */
export interface AofAssessment {
  /** `auto-aof-rewrite-percentage`. */
  previousPercentage: string;
  operationId: string;
  /** Where it is. */
  layout: DataLayout;
}

/** A log whose files are stored and that nobody sees yet. */
export interface AofDraft {
  manifest: AofManifest;
  seconds: number;
}

export interface AofPinsInput extends ShardRef {
  layout: DataLayout;
  operationId: string;
}

const PERCENTAGE = 'auto-aof-rewrite-percentage';

export const createAofBackupActivities = (deps: Dependencies) => ({
  /** Looks what the copy will change for its time. Read-only. */
  async assessAof(of: ShardRef): Promise<AofAssessment> {
    const target = await deps.shard(of);
    using client = await openRedis(target.connection);
    const previousPercentage = (await client.configGet(PERCENTAGE))[PERCENTAGE] ?? '';
    const layout = await requireControl(target).open().dataLayout();
    return { previousPercentage, operationId: currentJob().operationId, layout };
  },

  /**
   * Takes hold of the log that Redis goes on writing, by links beside it, and stores it. A retry makes the links anew, and
   * takes another backup id. @throws RecoveryError those of `pinAof`
   */
  async storeAof({
    instance,
    shard,
    reason = 'manual',
    previousPercentage,
    layout,
  }: ShardRef & Pick<BackupInput, 'reason'> & AofAssessment): Promise<AofDraft> {
    const of = { instance, shard };
    await deps.requireLock(instance);
    const { signal, progress, operationId } = currentJob();
    const began = deps.now();
    const target = await deps.shard(of);
    await (await deps.repository()).requireFence(began);
    using client = await openRedis(target.connection);
    await requireLink(client);
    const server = await readServerFacts(client);
    const log = filesThatItNames(target, server.policy);
    await claimRepository(deps, target, client);
    const clockOffsetMs = Math.round((await client.time()) - deps.now());
    const pins = await pinsOf(target, layout, operationId);
    await rm(pins, { recursive: true, force: true }); // of an attempt that died
    await ownWorkDirectory(pins).catch(() => undefined); // pinAof says what is wrong with it
    const onProgress = (note: string) => progress({ stage: 'copy', note });
    const pinned = await pinAof(client, log, pins, { signal, previousPercentage, onProgress });
    try {
      const bytes = pinned.files.reduce((sum, file) => sum + file.bytes, 0);
      const report = byteProgress('copy', deps.now, { bytes, estimated: false });
      const { form, files, replication, manifest: redisManifest } = pinned;
      const manifest = await storeAof(
        (await deps.repository()).aof(of),
        {
          ...{ instance, shard, reason, server, replication, form, clockOffsetMs },
          files: files.flatMap((file) => (file.type === 'history' ? [] : [{ ...file, type: file.type }])),
          ...(redisManifest === undefined ? {} : { redisManifest }),
          ...(target.target ? { takenFrom: takenFromOf(target.target) } : {}),
          softwareVersion: deps.softwareVersion,
          takenAtMs: began,
        },
        {
          classes: target.classes,
          renamed: target.archive?.renamedCommands,
          now: deps.now,
          level: target.backup.compressionLevel,
          signal,
          onProgress: report,
        },
      );
      return { manifest, seconds: (deps.now() - began) / 1000 };
    } finally {
      await pinned.release();
      await rm(pins, { recursive: true, force: true });
    }
  },

  /** Writes the manifest: from now on the backup exists. A retry finds its own manifest there and is content. */
  async publishAof({ manifest }: AofDraft): Promise<void> {
    await deps.requireLock(manifest.instance);
    await (await deps.repository()).aof(manifest).publish(manifest);
  },

  /** Undo: lets Redis rewrite its log by itself again, unless somebody has set it since. A Redis that is gone took the setting with it. */
  async putBackAofRewrites({ previousPercentage, ...of }: ShardRef & { previousPercentage: string }): Promise<void> {
    if (previousPercentage === '' || previousPercentage === '0') return;
    const target = await deps.shard(of);
    using client = await unlessGone(openRedis(target.connection));
    if (!client) return;
    if ((await client.configGet(PERCENTAGE))[PERCENTAGE] === '0') await client.configSet(PERCENTAGE, previousPercentage);
  },

  /** Undo: removes the links. Idempotent. */
  async removeAofPins({ layout, operationId, ...of }: AofPinsInput): Promise<void> {
    await rm(await pinsOf(await deps.shard(of), layout, operationId), { recursive: true, force: true });
  },
});

/** Beside the log, for links need one file system; a restore sweeps what is left there after a day. */
async function pinsOf(target: ProtectedInstance, layout: DataLayout, operationId: string): Promise<string> {
  const { dir } = requireFiles(target).open(layout).layout;
  if (!/^[A-Za-z0-9-]+$/.test(operationId)) throw new Error(`${JSON.stringify(operationId)} is no operation id`);
  return join(await realpath(dir), WORK_DIRECTORY, `aof-${operationId}`);
}
