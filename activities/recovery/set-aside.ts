import type { ActionInput } from '../../model/recovery/recovery.ts';
import type { ShardRef } from '../../model/shard.ts';
import { copyAside, type PutBackSetAside, permitEmptyStart, putBackSetAside, setAside } from '../../platforms/data-directory.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { requireControl, requireFiles } from '../parts.ts';
import { refuseFollowers } from './replicas.ts';
import { type ServerState, serverState } from './server.ts';
import { refuseAnother } from './shutdown.ts';

export interface KeptAside {
  directory: string;
  bytes: number;
  names: string[];
}

/** Of a Redis that the workflow has asked its platform for. */
export interface InLayout extends ShardRef {
  layout: DataLayout;
}

export const createSetAsideActivities = (deps: Dependencies) => {
  const layoutOf = async ({ layout, ...of }: InLayout) => requireFiles(await deps.shard(of)).open(layout).layout;
  return {
    /** Keeps a copy of whole files that are only not loaded, and stay in use. */
    async copyAside(input: InLayout): Promise<KeptAside> {
      await deps.requireLock(input.instance);
      const { operationId, progress } = currentJob();
      progress({ stage: 'set aside', note: `keeping what is in ${input.layout.dir}` });
      const { linked, ...kept } = await copyAside(await layoutOf(input), operationId);
      if (linked.length > 0) progress({ stage: 'set aside', note: `only linked, not copied: ${linked.join(', ')}` });
      return kept;
    },

    /**
     * Takes what a starting Redis would load out of its sight, and keeps it. Redis must be stopped. A retry goes on where the last
     * attempt ended; a second call after a start without them moves what that Redis has written, too.
     */
    async setAside({ foundAt, ...input }: InLayout & { foundAt: string }): Promise<KeptAside> {
      await deps.requireLock(input.instance);
      const { operationId, progress } = currentJob();
      progress({ stage: 'set aside', note: `keeping what is in ${input.layout.dir}` });
      return setAside(await layoutOf(input), operationId, { foundAtMs: Date.parse(foundAt) });
    },

    /**
     * Undo of `setAside`, for as long as no Redis was started without the files. After that it leaves them where they are: what
     * clients were told by a serving Redis is not taken back for damaged files.
     */
    async putBackAside(input: InLayout & ServerState & { operationId: string }): Promise<PutBackSetAside> {
      await deps.requireLock(input.instance);
      const { operationId, running, loggedAtMs } = input;
      return putBackSetAside(await layoutOf(input), operationId, { running, loggedAtMs });
    },

    /** @throws RecoveryError `RESTORE_REFUSED` while a replica with data still follows: it would be wiped in under a second */
    async refuseEmptyStart({ assessment, ...of }: ActionInput): Promise<ServerState> {
      const target = await deps.shard(of);
      const control = requireControl(target).open();
      await refuseAnother(target);
      await refuseFollowers(target, assessment.replicas);
      return serverState(control);
    },

    /** Lets Redis be started without what was set aside. @throws RecoveryError `DATA_DIRECTORY` if there is something to load */
    async permitEmptyStart(input: InLayout & ServerState): Promise<void> {
      await deps.requireLock(input.instance);
      const { running, loggedAtMs } = input;
      await permitEmptyStart(await layoutOf(input), currentJob().operationId, { running, loggedAtMs });
    },

    /** Starts Redis without what was set aside. A retry finds it started, or starts it with what it has written since. */
    async startEmpty(of: ShardRef): Promise<{ beforeMs: number }> {
      await deps.requireLock(of.instance);
      const { progress, signal } = currentJob();
      const control = requireControl(await deps.shard(of)).open();
      const beforeMs = deps.now();
      progress({ stage: 'start', note: `starting ${control.description} without its old data` });
      await control.start(signal);
      return { beforeMs };
    },
  };
};
