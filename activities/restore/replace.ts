import { RecoveryError } from '../../model/errors.ts';
import { formatBytes } from '../../model/format.ts';
import type { RestoreReport } from '../../model/operations.ts';
import type { RestorePlan } from '../../model/restore/plan/plan.ts';
import { loadsLog } from '../../model/restore/rehearsal.ts';
import type { ShardRef } from '../../model/shard.ts';
import { finish, moveAside, replaceWithRdb, spaceReport } from '../../platforms/data-directory.ts';
import type { Files } from '../../platforms/platform.ts';
import { writeMultiPartFromRdb } from '../../redis/aof/directory.ts';
import { openRedis } from '../../redis/client/client.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { requireControl, requireFiles } from '../parts.ts';
import { putBackAll } from '../recovery/put-back-data.ts';
import { awaitServing, type Serving } from '../server/await-serving.ts';
import { saveForSignal } from '../server/save-for-signal.ts';
import { orDiskFull, shutdown } from '../server/shutdown.ts';
import { startWithin } from '../server/start-within.ts';
import { besideTheData, type Staged, stage } from './stage.ts';

export const createRestoreActivities = (deps: Dependencies) => ({
  /**
   * Downloads the backup beside the data files and verifies every byte and key of it, while Redis still serves.
   * A retry takes what a finished attempt has staged, reads it again, and else downloads again.
   */
  async stageBackup({ plan }: { plan: RestorePlan }): Promise<Staged> {
    const { layout } = requireFiles(await deps.shard(plan)).open(plan.layout);
    return stage(deps, plan, besideTheData(layout, currentJob().operationId));
  },

  /** A Redis that serves is not stopped where what comes next has no room: a disk may have filled since the plan. */
  async requireRoom({ plan }: { plan: RestorePlan }): Promise<void> {
    await refuseWithoutRoom(plan, requireFiles(await deps.shard(plan)).open(plan.layout));
  },

  /**
   * Ends Redis so that its files hold all it had: put back, they are what clients saw last. Without an append-only file
   * that takes a save. A retry finds it ended. Refuses another process than the planned one.
   */
  async stopServer({ plan }: { plan: RestorePlan }): Promise<void> {
    await deps.requireLock(plan.instance);
    const { progress, signal } = currentJob();
    const target = await deps.shard(plan);
    const platform = requireControl(target).open();
    progress({ stage: 'stop', note: `stopping ${platform.description}` });
    if ((await platform.status()).running && plan.serverRunId) {
      using client = await openRedis(target.connection);
      const info = await client.info('server', 'persistence');
      if (info.get('run_id') !== plan.serverRunId) throw restarted(plan, info.get('run_id'));
      const how = plan.layout.appendonly ? 'NOSAVE' : 'SAVE';
      signal.throwIfAborted();
      // Obeyed at once: a Redis that then goes all the same, when it has saved, is started by what puts back.
      const saved = async () =>
        how === 'SAVE' && (await saveForSignal(client, { instance: plan.instance, mayLose: true, signal })); // the plan has said what
      const ends = platform.restartsByItself ? saved() : shutdown(client.command('SHUTDOWN', how), saved);
      await unlessAborted(orDiskFull(ends, target.name, platform), signal);
    }
    await platform.stop(signal);
  },

  /**
   * Asked right before files are changed. @param before - what is about to be done
   * @throws RecoveryError `STOP_FAILED` if something has started it again
   */
  async requireStopped({ before, ...of }: ShardRef & { before: string }): Promise<void> {
    const target = await deps.shard(of);
    const { running } = await requireControl(target).open().status();
    if (running) throw cameBack(target.name, before);
  },

  /**
   * Moves the old data aside and puts the new in its place, by renames. Redis must be stopped. A retry goes on where the last attempt
   * ended.
   */
  async replaceData({ plan }: { plan: RestorePlan }): Promise<{ path: string }> {
    await deps.requireLock(plan.instance);
    const { operationId } = currentJob();
    const { layout } = requireFiles(await deps.shard(plan)).open(plan.layout);
    await putBackAll(layout, operationId); // what an earlier operation has left away is the data that is kept
    await moveAside(layout, operationId);
    return replaceWithRdb(layout, operationId, {
      buildAppendDirectory: (directory, names) => writeMultiPartFromRdb(directory, names),
      appendForm: plan.appendForm,
      needsLog: loadsLog(plan),
    });
  },

  /** Starts Redis and returns when a process is there; `awaitServing` waits for its data. Idempotent. */
  async startServer({ plan }: { plan: RestorePlan }): Promise<{ beforeMs: number }> {
    await deps.requireLock(plan.instance);
    const { progress, signal } = currentJob();
    const { open, noProgressMs } = requireControl(await deps.shard(plan));
    const platform = open();
    const beforeMs = deps.now();
    progress({ stage: 'start', note: `starting ${platform.description}` });
    await startWithin(platform, noProgressMs, signal);
    return { beforeMs };
  },

  /** Waits until Redis has loaded and serves, or says why it can't. Read-only. */
  async awaitServing(of: ShardRef): Promise<Serving> {
    return awaitServing(await deps.shard(of));
  },

  /**
   * Marks the restore as proved: from now on its aside is the old data that is kept. Older ones are deleted, unless nothing else
   * has what is in them.
   */
  async finishRestore({ plan }: { plan: RestorePlan }): Promise<Pick<RestoreReport, 'keptAside' | 'removedAside'>> {
    await deps.requireLock(plan.instance);
    const onlyCopy = !plan.safetySnapshot.taken;
    const { layout } = requireFiles(await deps.shard(plan)).open(plan.layout);
    const { kept, removed } = await finish(layout, currentJob().operationId, { onlyCopy });
    return {
      ...(kept ? { keptAside: { ...kept, onlyCopy } } : {}),
      ...(removed.length > 0 ? { removedAside: removed } : {}),
    };
  },
});

async function unlessAborted(answer: Promise<unknown>, signal: AbortSignal): Promise<void> {
  answer.catch(() => undefined); // nobody listens any more
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  );
  signal.throwIfAborted();
  await Promise.race([answer, aborted]);
}

/** For the journal, the manifest, an empty log: what is written between the stop and the start. */
const SMALL_FILES_BYTES = 1 << 20;

async function refuseWithoutRoom({ instance, layout, serverRunId }: RestorePlan, files: Files): Promise<void> {
  const { freeBytes, dataBytes } = await spaceReport(files.layout);
  const saves = serverRunId !== undefined && !layout.appendonly ? dataBytes : 0; // beside the RDB that it replaces
  if (freeBytes >= SMALL_FILES_BYTES + saves) return;
  throw new RecoveryError(
    'TARGET_DISK_FULL',
    `${layout.dir} has ${formatBytes(freeBytes)} free, and the files of ${instance} cannot be replaced there: it was not stopped`,
    { next: `Free ${formatBytes(SMALL_FILES_BYTES + saves - freeBytes)} there, then start the restore again.` },
  );
}

const restarted = ({ instance, serverRunId }: RestorePlan, found: string | undefined) =>
  new RecoveryError(
    'TARGET_IDENTITY',
    `${instance} was planned as run ${serverRunId} and is run ${found} now: it was restarted meanwhile`,
    {
      next: 'Find out who restarts it, then start the restore again.',
    },
  );

const cameBack = (instance: string, before: string) =>
  new RecoveryError('STOP_FAILED', `something started ${instance} again before ${before}`, {
    next: 'Stop the supervisor that does so, or configure its unit as platform.start.systemd.',
  });
