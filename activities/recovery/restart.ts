import { join } from 'node:path';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import { unstartable } from '../../model/plan-next-start.ts';
import type { ActInput, Assessment } from '../../model/recovery.ts';
import {
  inOperation,
  logBytes,
  noteStart,
  type RestartRecord,
  readRestart,
  spaceReport,
  writeRestart,
} from '../../platforms/data-directory.ts';
import type { DataLayout, Platform } from '../../platforms/platform.ts';
import { reasonIn } from '../../platforms/process/log-tail.ts';
import { rebuildAofManifest } from '../../redis/aof/rebuild-manifest.ts';
import { currentJob } from '../job-context.ts';
import { lookAtNextStart } from '../next-start.ts';
import { requireProcess } from '../places.ts';
import type { ProtectedInstance, World } from '../world.ts';
import { endWithoutSave, endWithSave, quickInfo, refuseAnother } from './ending.ts';
import { refuseFollowers } from './replicas.ts';

export interface RestartInput extends ActInput {
  /** A person wants it now. */
  approved?: boolean;
  /** A person wants it by kill -9, if nothing else ends it. */
  kill?: boolean;
}

export interface Restarted {
  /** Just before the start, by our clock. */
  beforeMs: number;
  /** Why nothing was done. */
  skipped?: string;
  /** An attempt before this one did it, and its answer was lost. */
  doneBefore?: true;
}

const LAST_LINES = 40;

export interface RestartOptions {
  /** A Redis that doesn't answer for so long is one that hangs. Default 3 s. */
  silentAfterMs?: number;
}

export const createRestartActivities = (world: World, { silentAfterMs }: RestartOptions = {}) => ({
  /**
   * Ends Redis if it runs, so that its files hold all it had, and starts it. Once in `restartEveryMs`, unless a person wants it
   * or the same assessment has changed its files. A retry goes on where the last attempt ended: it never ends a Redis that was
   * started meanwhile, and never starts one again whose start has failed, because a second start can destroy what is left.
   * @throws RecoveryError `RESTART_TOO_SOON`; `CONFIG_UNSTARTABLE` for one that runs and would not start again; `RESTORE_REFUSED` where it would come up empty and wipe a replica; `STOP_FAILED` for one that hangs, while nobody has approved its `kill`; `START_FAILED`; `TARGET_IDENTITY` if another Redis answers in its place
   */
  async restartServer(input: RestartInput): Promise<Restarted> {
    await world.requireLock(input.instance);
    const { progress } = currentJob();
    const target = await world.instance(input.instance);
    const platform = requireProcess(target).open();
    await refuseAnother(target);
    const layout = await platform.dataLayout();
    const last = await readRestart(layout);
    const own = last && isSameAct(last, input) ? last : undefined;
    if (own?.failed !== undefined) throw failedBefore(input.instance, own.failed);
    const [{ running, pid }, info] = await Promise.all([platform.status(), quickInfo(target, silentAfterMs)]);
    if (own?.started && !running) throw failedBefore(input.instance, reasonIn(await platform.logs(LAST_LINES)));
    const skipped = running ? alreadyRestarted(input, own, pid, info?.get('run_id')) : undefined;
    if (skipped) return { beforeMs: own?.atMs ?? world.now(), skipped, ...(own?.started ? { doneBefore: true as const } : {}) };
    if (!own) refuseTooSoon(world.now(), last, input);
    if (!running && (await hasNoData(layout))) await refuseFollowers(target, input.assessment.replicas);
    if (running && !own && !input.approved) await refuseUnstartable(target, platform);
    const record = own ?? (await begin(world, layout, input, pid));
    if (running) {
      progress({ stage: 'stop', note: `stopping ${platform.description}` });
      await end(input, target, platform, () => endWithSave(target, platform, info, input));
    }
    if (input.assessment.acts.some(({ act }) => act === 'set-aside')) await noteStart(layout, record.operationId);
    return start(world, platform, layout, record);
  },

  /**
   * Ends the empty Redis that ignores its append-only files, without a save, and makes their manifest again from their names.
   * Redis is started by `restartServer`. A retry finds the manifest whole.
   * @throws RecoveryError `MANIFEST_INVALID` where the names can be read in several ways; nothing is changed then but the end
   */
  async rebuildManifest({ instance }: ActInput): Promise<{ files: string[] }> {
    await world.requireLock(instance);
    const { progress, operationId } = currentJob();
    const target = await world.instance(instance);
    const platform = requireProcess(target).open();
    const layout = await platform.dataLayout();
    progress({ stage: 'manifest', note: `stopping ${platform.description}` });
    await endWithoutSave(target, platform);
    // Alone in the directory: a late attempt must not bring an old manifest back under a Redis that runs.
    const files = await inOperation(layout, `${operationId}-copy`, undefined, async ({ dir }) => {
      if ((await platform.status()).running) throw cameBack(instance);
      return rebuildAofManifest(join(dir, layout.appenddirname), layout.appendfilename);
    });
    return { files: files.map(({ name }) => name) };
  },
});

const hasNoData = async (layout: DataLayout): Promise<boolean> => (await spaceReport(layout)).dataBytes === 0;

const isSameAct = ({ instance, operationId, assessedAt }: RestartRecord, { assessment, ...input }: RestartInput): boolean =>
  instance === input.instance && operationId === currentJob().operationId && assessedAt === assessment.at;

/** Another process than the one that was to be ended: by an attempt whose answer was lost, or by somebody else. */
function alreadyRestarted(
  { assessment: { platform, server } }: RestartInput,
  own: RestartRecord | undefined,
  pid: number | undefined,
  runId: string | undefined,
): string | undefined {
  const before = own ?? platform;
  if (before && before.pid !== pid) return `it runs as process ${pid} since then`;
  if (server && runId !== undefined && server.runId !== runId) return `it is run ${runId} since then`;
  return undefined;
}

/** A Redis that runs is not ended for one that cannot start, unless a person says so. */
async function refuseUnstartable({ name, connection }: ProtectedInstance, platform: Platform): Promise<void> {
  const next = await lookAtNextStart(platform, connection, undefined, currentJob().signal);
  if (next.outcome !== 'fails') return;
  const { code, message, next: step } = unstartable(name, next.lastLines);
  throw new RecoveryError(code, message, { next: step });
}

const isMended = ({ acts }: Assessment): boolean => acts.some(({ afterMending }) => afterMending);

const CHANGES_FILES = ['set-aside', 'rebuild-manifest', 'mend-log', 'put-back-data'];

function refuseTooSoon(nowMs: number, last: RestartRecord | undefined, { instance, assessment, approved }: RestartInput): void {
  if (approved || !last || last.instance !== instance) return;
  const agoMs = nowMs - last.atMs;
  if (agoMs >= assessment.settings.restartEveryMs) return;
  // Once: what seems mended and fails again is for a person to say.
  if (isMended(assessment) && !last.mended) return;
  // Not the same start again: other files are loaded.
  if (last.operationId === currentJob().operationId && assessment.acts.some(({ act }) => CHANGES_FILES.includes(act))) return;
  const seconds = (ms: number) => Math.max(0, Math.round(ms / 1000));
  throw new RecoveryError(
    'RESTART_TOO_SOON',
    `a recovery restarted ${instance} ${seconds(agoMs)} s ago; once in ${seconds(assessment.settings.restartEveryMs)} s it may by itself`,
    { next: 'Read its log. If a restart is what it needs, approve it, or restart it by hand.' },
  );
}

/** Written before anything is ended. Where it cannot be, on a full disk, the limit is not kept: a Redis that is down comes first. */
async function begin(world: World, layout: DataLayout, input: RestartInput, pid?: number): Promise<RestartRecord> {
  const record: RestartRecord = {
    instance: input.instance,
    operationId: currentJob().operationId,
    assessedAt: input.assessment.at,
    atMs: world.now(),
    ...(pid === undefined ? {} : { pid }),
    ...(isMended(input.assessment) ? { mended: true as const } : {}),
  };
  const { progress } = currentJob();
  if (!(await writeRestart(layout, record))) progress({ stage: 'stop', note: `${layout.dir} cannot be written` });
  return record;
}

/** What a signal doesn't end, kill -9 does, if a person has approved it. */
async function end(input: RestartInput, { name }: ProtectedInstance, platform: Platform, politely: () => Promise<void>) {
  const { signal, progress } = currentJob();
  const { pid } = await platform.status();
  try {
    await politely();
  } catch (error) {
    const hangs = error instanceof RecoveryError && error.code === 'STOP_FAILED';
    if (!hangs || !input.kill || pid === undefined) throw error;
    progress({ stage: 'stop', note: `process ${pid} of ${name} does not end: killing it` });
    await platform.kill(pid, signal);
    await platform.stop(signal); // what it has left behind: children that save, the supervisor's wish to bring it up again
  }
}

async function start(world: World, platform: Platform, layout: DataLayout, record: RestartRecord): Promise<Restarted> {
  const { signal, progress } = currentJob();
  const begun: RestartRecord = { ...record, logBytes: await logBytes(layout) };
  await writeRestart(layout, begun);
  const beforeMs = world.now();
  progress({ stage: 'start', note: `starting ${platform.description}` });
  try {
    await platform.start(signal);
  } catch (error) {
    if (error instanceof RecoveryError && error.code === 'START_FAILED')
      await writeRestart(layout, { ...record, failed: messageOf(error) });
    throw error;
  }
  await writeRestart(layout, { ...begun, started: true });
  return { beforeMs };
}

const failedBefore = (instance: string, why: string) =>
  new RecoveryError('START_FAILED', why, {
    next: `Look at ${instance} anew before it is started again: the reason stands in its log.`,
  });

const cameBack = (instance: string) =>
  new RecoveryError('STOP_FAILED', `something started ${instance} again before its manifest was there`, {
    next: 'Stop the supervisor that does so, or configure its unit as platform.start.systemd.',
  });
