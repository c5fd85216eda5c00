import { RecoveryError } from '../../model/errors.ts';
import { staysInUse } from '../../model/failure-class.ts';
import type { ActInput, Assessment } from '../../model/recovery.ts';
import { copyAside, type PutBackSetAside, permitEmptyStart, putBackSetAside, setAside } from '../../platforms/data-directory.ts';
import { currentJob } from '../job-context.ts';
import { requireProcess } from '../places.ts';
import type { ProtectedInstance, World } from '../world.ts';
import { endWithoutSave, quickInfo, refuseAnother } from './ending.ts';
import { refuseFollowers } from './replicas.ts';

export interface KeptAside {
  directory: string;
  bytes: number;
  names: string[];
}

export const createSetAsideActivities = (world: World) => ({
  /**
   * Takes what a starting Redis would load out of its sight, and keeps it. Where the files are whole, and only not loaded, they
   * are copied and stay. A retry goes on where the last attempt ended; a second call after a start without them moves what
   * that Redis has written, too.
   * @throws RecoveryError `RESTORE_REFUSED` if Redis serves by now: it must be looked at anew. Else as `setAside` of the data directory
   */
  async setAside({ instance, assessment }: ActInput): Promise<KeptAside> {
    await world.requireLock(instance);
    const { operationId, progress } = currentJob();
    const target = await world.instance(instance);
    const platform = requireProcess(target).open();
    const layout = await platform.dataLayout();
    progress({ stage: 'set aside', note: `keeping what is in ${layout.dir}` });
    if (staysInUse(assessment.failure)) {
      const { linked, ...kept } = await copyAside(layout, operationId);
      if (linked.length > 0) progress({ stage: 'set aside', note: `only linked, not copied: ${linked.join(', ')}` });
      return kept;
    }
    await refuseAnother(target);
    await refuseWhenServing(target, assessment);
    await endWithoutSave(target, platform);
    return setAside(layout, operationId, { foundAtMs: Date.parse(assessment.at) });
  },

  /**
   * Undo of `setAside`, for as long as no Redis was started without the files. After that it leaves them where they are: what
   * clients were told by a serving Redis is not taken back for damaged files. It never stops or starts Redis.
   */
  async putBackAside({ instance, operationId }: { instance: string; operationId: string }): Promise<PutBackSetAside> {
    await world.requireLock(instance);
    const platform = requireProcess(await world.instance(instance)).open();
    const { running } = await platform.status();
    return putBackSetAside(await platform.dataLayout(), operationId, { running });
  },

  /**
   * Starts Redis without what was set aside. A retry finds it started, or starts it with what it has written since.
   * @throws RecoveryError `RESTORE_REFUSED` while a replica with data still follows: it would be wiped in under a second;
   *   `DATA_DIRECTORY` if there is something to load
   */
  async startEmpty({ instance, assessment }: ActInput): Promise<{ beforeMs: number }> {
    await world.requireLock(instance);
    const { operationId, progress, signal } = currentJob();
    const target = await world.instance(instance);
    const platform = requireProcess(target).open();
    await refuseFollowers(target, assessment.replicas);
    await refuseAnother(target);
    const { running } = await platform.status();
    await permitEmptyStart(await platform.dataLayout(), operationId, { running });
    const beforeMs = world.now();
    progress({ stage: 'start', note: `starting ${platform.description} without its old data` });
    await platform.start(signal);
    return { beforeMs };
  },
});

/** @throws RecoveryError `RESTORE_REFUSED` if another Redis than the one that was looked at has loaded its data and answers */
export async function refuseWhenServing(target: ProtectedInstance, { server }: Assessment): Promise<void> {
  const info = await quickInfo(target);
  if (info && !info.flag('loading') && info.get('run_id') !== server?.runId) throw servesNow(target.name);
}

const servesNow = (instance: string) =>
  new RecoveryError('RESTORE_REFUSED', `${instance} answers by now, and has loaded what it could: its files are left to it`, {
    next: 'Start the recovery again: it looks at everything anew.',
  });
