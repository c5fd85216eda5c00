import { RecoveryError } from '../../model/errors.ts';
import type { Assessment } from '../../model/recovery/recovery.ts';
import type { ShardRef } from '../../model/shard.ts';
import type { Control, DataLayout } from '../../platforms/platform.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { requireControl } from '../parts.ts';
import { endWithoutSave, refuseAnother, refuseWhenServing } from './shutdown.ts';

/** Whether Redis runs, and where its data is by redis.conf: what a step that changes files is told. */
export interface ServerState {
  running: boolean;
  layout: DataLayout;
  /** When it last logged anything, by its own clock. Absent: not known. */
  loggedAtMs?: number;
}

export const createServerActivities = (deps: Dependencies) => ({
  /** Read-only. */
  async observeServer(of: ShardRef): Promise<ServerState> {
    return serverState(requireControl(await deps.shard(of)).open());
  },

  /**
   * Ends a Redis whose memory is worth nothing, without a save, so that its files can be changed. Idempotent.
   * @param unless - another one than was looked at there has loaded its data: absent, it is ended all the same
   * @throws RecoveryError `RESTORE_REFUSED` if it serves by now: it must be looked at anew; `STOP_FAILED`, also if something has
   *   started it again; `TARGET_IDENTITY` if another Redis answers in its place
   */
  async endUnsaved({ unless, ...of }: ShardRef & { unless?: Pick<Assessment, 'server'> }): Promise<ServerState> {
    await deps.requireLock(of.instance);
    const target = await deps.shard(of);
    const control = requireControl(target).open();
    currentJob().progress({ stage: 'stop', note: `stopping ${control.description}` });
    await refuseAnother(target);
    if (unless) await refuseWhenServing(target, unless);
    await endWithoutSave(target, control);
    const { running } = await control.status();
    if (running) throw cameBack(target.name);
    return { running, layout: await control.dataLayout() };
  },
});

export async function serverState(control: Control): Promise<ServerState> {
  const [{ running }, layout, { loggedAtMs }] = await Promise.all([control.status(), control.dataLayout(), control.trace()]);
  return { running, layout, ...(loggedAtMs === undefined ? {} : { loggedAtMs }) };
}

const cameBack = (instance: string) =>
  new RecoveryError('STOP_FAILED', `something started ${instance} again before its files were changed`, {
    next: 'Stop the supervisor that does so, or configure its unit as platform.start.systemd.',
  });
