import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import type { ActionInput, Assessment } from '../../model/recovery/recovery.ts';
import { startsAnother, unstartable } from '../../model/restore/plan/next-start.ts';
import type { ShardRef } from '../../model/shard.ts';
import {
  inOperation,
  logBytes,
  noteStart,
  type RestartRecord,
  readRestart,
  spaceReport,
  writeRestart,
} from '../../platforms/data-directory.ts';
import { reasonIn } from '../../platforms/host/log-tail.ts';
import type { Control, DataLayout } from '../../platforms/platform.ts';
import { rebuildAofManifest } from '../../redis/aof/rebuild-manifest.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { requireControl, requireFiles } from '../parts.ts';
import { lookAtNextStart } from '../restore/next-start.ts';
import { refuseFollowers } from './replicas.ts';
import { type ServerState, serverState } from './server.ts';
import type { InLayout } from './set-aside.ts';
import { endWithSave, quickInfo, refuseAnother } from './shutdown.ts';

export interface RestartInput extends ActionInput {
  /** A person wants it now. */
  approved?: boolean;
  /** A person wants it by kill -9, if nothing else ends it. */
  kill?: boolean;
}

/** What is known beside the data, before it is decided. */
export interface KnownRestart {
  last?: RestartRecord;
  /** There is nothing that Redis would load. */
  hasNoData: boolean;
}

/** `skipped`: why nothing is done. Else what is written down before anything is ended, and who is to be ended, if anybody runs. */
export type RestartDecision =
  | { skipped: string; beforeMs: number }
  | { record: RestartRecord; isNew: boolean; end?: { identity: string } };

const LAST_LINES = 40;

export interface RestartOptions {
  /** A Redis that doesn't answer for so long is one that hangs. Default 3 s. */
  silentAfterMs?: number;
}

/**
 * The steps of a restart; workflows/procedures/restart-server.ts has their order. Nothing of it ends a Redis that was started
 * meanwhile, and none is started again whose start has failed, because a second start can destroy what is left.
 */
export const createRestartActivities = (deps: Dependencies, { silentAfterMs }: RestartOptions = {}) => ({
  /** What the last restart has left beside the data. Read-only. */
  async readRestart({ layout: ofConf, ...of }: InLayout): Promise<KnownRestart> {
    const { layout } = requireFiles(await deps.shard(of)).open(ofConf);
    const last = await readRestart(layout);
    return { ...(last ? { last } : {}), hasNoData: await hasNoData(layout) };
  },

  /**
   * Whether Redis may be restarted, and by what: once in `restartEveryMs`, unless a person wants it or the same assessment has
   * changed its files. Changes nothing.
   * @throws RecoveryError `RESTART_TOO_SOON`; `CONFIG_UNSTARTABLE` for one that runs and would not start again; `START_FAILED` where it was tried already; `TARGET_IDENTITY` if another Redis answers in its place
   */
  async decideRestart({ last, ...input }: RestartInput & Pick<KnownRestart, 'last'>): Promise<RestartDecision> {
    const target = await deps.shard(input);
    const platform = requireControl(target).open();
    await refuseAnother(target);
    const own = last && isSameAct(last, input) ? last : undefined;
    if (own?.failed !== undefined) throw failedBefore(target.name, own.failed);
    const [{ running, identity, name = '' }, info] = await Promise.all([platform.status(), quickInfo(target, silentAfterMs)]);
    const skipped = running ? alreadyRestarted(input, own, { identity, name, runId: info?.get('run_id') }) : undefined;
    if (skipped) return { beforeMs: own?.atMs ?? deps.now(), skipped };
    if (!own) refuseTooSoon(deps.now(), last, input, target.name);
    if (running && !own && !input.approved) await refuseUnstartable(target, platform);
    const record = own ?? newRecord(deps.now(), input, identity);
    return { record, isNew: own === undefined, ...(identity === undefined ? {} : { end: { identity } }) };
  },

  /** Before a start that would come up empty, or with less. @throws RecoveryError `RESTORE_REFUSED`, naming a replica that it would wipe */
  async refuseLesserStart({ assessment, ...of }: ActionInput): Promise<void> {
    await refuseFollowers(await deps.shard(of), assessment.replicas);
  },

  /**
   * Written before what it says. Where it cannot be, on a full disk, the limit is not kept: a Redis that is down comes first.
   * @param starts - right before a start: sizes of the logs are added, for what Redis then cuts off
   * @param withoutData - of what was set aside: from this start on it is not put back any more
   */
  async noteRestart({ layout: ofConf, record, starts, withoutData, ...of }: NoteInput): Promise<{ record: RestartRecord }> {
    await deps.requireLock(of.instance);
    const { layout } = requireFiles(await deps.shard(of)).open(ofConf);
    if (withoutData) await noteStart(layout, record.operationId, withoutData);
    const noted = starts ? { ...record, logBytes: await logBytes(layout) } : record;
    if (!(await writeRestart(layout, noted))) currentJob().progress({ stage: 'stop', note: `${layout.dir} cannot be written` });
    return { record: noted };
  },

  /**
   * Ends the very Redis that was decided on, so that its files hold all it had. Idempotent.
   * @throws RecoveryError `STOP_FAILED` for one that hangs, while nobody has approved its `kill`
   */
  async endServer({ identity, kill = false, ...of }: EndInput): Promise<ServerState> {
    await deps.requireLock(of.instance);
    const { progress, signal } = currentJob();
    const target = await deps.shard(of);
    const platform = requireControl(target).open();
    const status = await platform.status();
    if (status.running && status.identity !== identity) return serverState(platform); // an attempt before this one has ended it
    progress({ stage: 'stop', note: `stopping ${platform.description}` });
    try {
      await endWithSave(target, platform, await quickInfo(target, silentAfterMs), { kill });
    } catch (error) {
      const hangs = error instanceof RecoveryError && error.code === 'STOP_FAILED';
      if (!hangs || !kill) throw error;
      progress({ stage: 'stop', note: `${status.name} of ${target.name} does not end: killing it` });
      await platform.kill(identity, signal);
      await platform.stop(signal); // what it has left behind: children that save, the supervisor's wish to bring it up again
    }
    return serverState(platform);
  },

  /**
   * Starts Redis, once: a retry that does not find it running cannot know how far the attempt before it came, unless nothing
   * was logged since, and leaves it to be looked at anew. @throws RecoveryError `START_FAILED`
   */
  async startOnce({ loggedAtMs, ...of }: StartInput): Promise<{ beforeMs: number } | { unsure: string }> {
    await deps.requireLock(of.instance);
    const { signal, progress, attempt } = currentJob();
    const target = await deps.shard(of);
    const platform = requireControl(target).open();
    const beforeMs = deps.now();
    if (attempt > 1) {
      const now = await serverState(platform);
      const isSilent = loggedAtMs !== undefined && now.loggedAtMs === loggedAtMs;
      if (!now.running && !isSilent) return { unsure: unsureText(target.name, await platform.logs(LAST_LINES)) };
    }
    progress({ stage: 'start', note: `starting ${platform.description}` });
    await platform.start(signal);
    return { beforeMs };
  },

  /**
   * Makes the manifest of append-only files again from their names. Redis must be stopped. A retry finds the manifest whole.
   * @throws RecoveryError `MANIFEST_INVALID` where the names can be read in several ways; nothing is changed then
   */
  async rebuildManifest({ layout: ofConf, ...of }: InLayout): Promise<{ files: string[] }> {
    await deps.requireLock(of.instance);
    const { layout } = requireFiles(await deps.shard(of)).open(ofConf);
    // Alone in the directory: a late attempt must not bring an old manifest back under a Redis that runs.
    const files = await inOperation(layout, `${currentJob().operationId}-copy`, undefined, ({ dir }) =>
      rebuildAofManifest(join(dir, layout.appenddirname), layout.appendfilename),
    );
    return { files: files.map(({ name }) => name) };
  },
});

interface StartInput extends ShardRef {
  /** When a Redis logged last there: as long as that is so, none was started. */
  loggedAtMs?: number;
}

interface EndInput extends ShardRef {
  identity: string;
  kill?: boolean;
}

export interface NoteInput extends InLayout {
  record: RestartRecord;
  starts?: true;
  withoutData?: Pick<ServerState, 'loggedAtMs'>;
}

const hasNoData = async (layout: DataLayout): Promise<boolean> => (await spaceReport(layout)).dataBytes === 0;

const isSameAct = ({ operationId, assessedAt, ...of }: RestartRecord, { assessment, ...input }: RestartInput): boolean =>
  of.instance === input.instance &&
  of.shard === input.shard &&
  operationId === currentJob().operationId &&
  assessedAt === assessment.at;

/** Another process than the one that was to be ended: by an attempt whose answer was lost, or by somebody else. */
function alreadyRestarted(
  { assessment: { platform, server } }: RestartInput,
  own: RestartRecord | undefined,
  { identity, name, runId }: { identity: string | undefined; name: string; runId: string | undefined },
): string | undefined {
  const before = own ?? platform;
  if (before && before.identity !== identity) return `it runs as ${name} since then`;
  if (server && runId !== undefined && server.runId !== runId) return `it is run ${runId} since then`;
  return undefined;
}

/** A Redis that runs is not ended for one that cannot start, or is another one, unless a person says so. */
async function refuseUnstartable({ name, connection }: ProtectedInstance, platform: Control): Promise<void> {
  const next = await lookAtNextStart(platform, connection, undefined, currentJob().signal);
  if (next.outcome !== 'fails' && next.outcome !== 'another') return;
  const refusal = next.outcome === 'fails' ? unstartable(name, next.lastLines) : startsAnother(name, next);
  const { code, message, next: step } = refusal;
  throw new RecoveryError(code, message, { next: step });
}

const isMended = ({ actions }: Assessment): boolean => actions.some(({ afterMending }) => afterMending);

const CHANGES_FILES = ['set-aside', 'rebuild-manifest', 'mend-log', 'put-back-data'];

function refuseTooSoon(
  nowMs: number,
  last: RestartRecord | undefined,
  { instance, shard, assessment, approved }: RestartInput,
  name: string,
): void {
  if (approved || !last || last.instance !== instance || last.shard !== shard) return;
  const agoMs = nowMs - last.atMs;
  if (agoMs >= assessment.settings.restartEveryMs) return;
  // Once: what seems mended and fails again is for a person to say.
  if (isMended(assessment) && !last.mended) return;
  // Whether that one started anything is not known: it was looked at anew since.
  if (last.operationId === currentJob().operationId && last.unsure !== undefined) return;
  // Not the same start again: other files are loaded.
  if (last.operationId === currentJob().operationId && assessment.actions.some(({ action }) => CHANGES_FILES.includes(action)))
    return;
  const seconds = (ms: number) => Math.max(0, Math.round(ms / 1000));
  throw new RecoveryError(
    'RESTART_TOO_SOON',
    `a recovery restarted ${name} ${seconds(agoMs)} s ago; once in ${seconds(assessment.settings.restartEveryMs)} s it may by itself`,
    { next: 'Read its log. If a restart is what it needs, approve it, or restart it by hand.' },
  );
}

const newRecord = (nowMs: number, input: RestartInput, identity: string | undefined): RestartRecord => ({
  instance: input.instance,
  shard: input.shard,
  operationId: currentJob().operationId,
  assessedAt: input.assessment.at,
  atMs: nowMs,
  ...(identity === undefined ? {} : { identity }),
  ...(isMended(input.assessment) ? { mended: true as const } : {}),
});

const failedBefore = (instance: string, why: string) =>
  new RecoveryError('START_FAILED', why, {
    next: `Look at ${instance} anew before it is started again: the reason stands in its log.`,
  });

const unsureText = (instance: string, lines: string[]): string =>
  `the worker died while it started ${instance}, which does not run: ${reasonIn(lines)}`;
