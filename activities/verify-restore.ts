import { type CountVerdict, checkCounts } from '../model/count-check.ts';
import { RecoveryError } from '../model/errors.ts';
import { aliveAt } from '../model/expiry-timeline.ts';
import { type LoadFigures, loadFiguresOf } from '../model/load-log.ts';
import type { RestorePlan } from '../model/plan.ts';
import { type ApplicationVerdict, verifyConnectivity } from '../probes/connectivity.ts';
import { openRedis } from '../redis/client.ts';
import type { RedisInfo } from '../redis/info.ts';
import { lastLoad } from '../redis/loading.ts';
import { loadErrorsOf, logRefused } from '../redis/log/load-errors.ts';
import { currentJob } from './job-context.ts';
import type { LiveLoad } from './live/load-live.ts';
import { requireProcess } from './places.ts';
import type { Serving } from './serving.ts';
import type { Staged } from './stage.ts';
import type { ProtectedInstance, World } from './world.ts';

export interface VerifyInput {
  plan: RestorePlan;
  staged: Staged;
  serving: Serving;
  /** Before Redis was started, by our clock. */
  beforeMs: number;
}

export interface VerifyLiveInput {
  plan: RestorePlan;
  staged: Staged;
  loaded: LiveLoad;
}

/** Redis 6.2 tells what it loaded only in its log, and every version only there how many empty collections it dropped. */
const figuresFromLog = (lines: readonly string[], pid: number): Partial<LoadFigures> => loadFiguresOf(lines, pid) ?? {};

/** Of all files that the manifest of the append-only directory names, base included: what was loaded, and what came since. */
function appliedBytes(info: RedisInfo): { appliedBytes?: number } {
  const bytes = info.number('aof_current_size');
  return bytes === undefined ? {} : { appliedBytes: bytes };
}

const PUT_BACK = 'The old data is being put back. Restore to a moment before that command, or into a Redis that takes it.';

/** From the end of a load to its count it logs a few lines, not hundreds. */
const LOG_LINES = 500;

export const createVerifyActivities = (world: World) => ({
  /**
   * Proves that every key of the backup is there or had expired, and that no command of the log was refused. Read-only.
   * @throws RecoveryError `LOG_REFUSED`, `COUNT_MISMATCH`, `CLOCK_SKEW`
   */
  async verifyCounts({ plan, staged, serving, beforeMs }: VerifyInput): Promise<CountVerdict & { keysAlive: number }> {
    const target = await world.instance(plan.instance);
    using client = await openRedis(target.connection);
    const info = await client.info();
    const lines = await requireProcess(target).open().logs(LOG_LINES);
    const refused = loadErrorsOf(info, { lines });
    if (refused) throw logRefused(plan.instance, refused, PUT_BACK);
    const dbsizeAfter = info.keyspace().reduce((sum, { keys }) => sum + keys, 0);
    const serverMs = await client.time();
    const clockOffsetMs = Math.round(serverMs - world.now());
    const { timeline } = staged;
    const verdict = checkCounts({
      mode: plan.mode,
      manifestKeys: plan.keysInBackup,
      parsed: plan.parsed,
      ...lastLoad(info),
      ...figuresFromLog(lines, serving.pid),
      dbsizeAfter,
      ...(plan.log ? { log: { expectedBytes: staged.bytes + (staged.logBytes ?? 0), ...appliedBytes(info) } } : {}),
      evictedKeys: info.number('evicted_keys') ?? 0,
      evictionsAnnounced: plan.evictionsAnnounced,
      alive: { before: aliveAt(timeline, beforeMs + clockOffsetMs), after: aliveAt(timeline, serverMs) },
      clockOffsetMs,
      runId: { atFirst: serving.runId, atLast: info.get('run_id') ?? '' },
      writesSeen: plan.applications.length > 0 || (info.number('total_writes_processed') ?? 0) > 0,
    });
    if (verdict.ok) return { ...verdict, keysAlive: dbsizeAfter };
    throw new RecoveryError(verdict.code ?? 'COUNT_MISMATCH', `${plan.instance}: ${verdict.message}`, {
      next: 'The old data is being put back. Look into the log of Redis, then try an older backup.',
    });
  },

  /**
   * Proves that a live load brought everything: the keys of the backup are counted by Redis as it loads them, and its
   * acknowledgement covers every byte of the log. Read-only. @throws RecoveryError `COUNT_MISMATCH`
   */
  async verifyLive({ plan, staged, loaded }: VerifyLiveInput): Promise<CountVerdict & { keysAlive: number }> {
    using client = await openRedis((await world.instance(plan.instance)).connection);
    const info = await client.info();
    const dbsizeAfter = info.keyspace().reduce((sum, { keys }) => sum + keys, 0);
    const bytes = staged.bytes + (staged.logBytes ?? 0);
    const verdict = checkCounts({
      mode: plan.mode,
      manifestKeys: plan.keysInBackup,
      parsed: plan.parsed,
      ...lastLoad(info),
      log: { expectedBytes: bytes, appliedBytes: bytes }, // by the acknowledgement, or the load had failed
      dbsizeAfter,
      evictedKeys: 0,
      clockOffsetMs: Math.round((await client.time()) - world.now()),
      runId: { atFirst: loaded.runId, atLast: info.get('run_id') ?? '' },
    });
    if (verdict.ok) return { ...verdict, keysAlive: dbsizeAfter };
    throw new RecoveryError(verdict.code ?? 'COUNT_MISMATCH', `${plan.instance}: ${verdict.message}`, {
      next: 'Its files may still have the old data, and the safety snapshot has it. Look into the log of Redis.',
    });
  },

  /** Waits until every configured application uses the restored Redis. @throws RecoveryError `APPLICATIONS_UNCONNECTED` naming them */
  async verifyApplications({ instance, sinceMs }: SeenSince): Promise<ApplicationVerdict[]> {
    const verdicts = await seeApplications(await world.instance(instance), sinceMs);
    const missing = verdicts.filter(({ required, verdict }) => required && verdict === 'missing');
    if (missing.length === 0) return verdicts;
    const named = missing.map(({ name, detail }) => `${name} (${detail})`).join(', ');
    throw new RecoveryError(
      'APPLICATIONS_UNCONNECTED',
      `${instance} is restored, but these applications do not reach it: ${named}`,
      {
        next: 'The old data is being put back. Set required: false for what may stay away, or look into the applications.',
      },
    );
  },

  /** The same without a verdict over all: who is missing is named, and hinders nothing. Read-only. */
  async watchConnectivity({ instance, sinceMs }: SeenSince): Promise<ApplicationVerdict[]> {
    return seeApplications(await world.instance(instance), sinceMs);
  },
});

interface SeenSince {
  instance: string;
  /** Older commands count for nothing, milliseconds since 1970. */
  sinceMs: number;
}

async function seeApplications(
  { applications, applicationsTimeoutMs, connection }: ProtectedInstance,
  sinceMs: number,
): Promise<ApplicationVerdict[]> {
  const { signal, progress } = currentJob();
  return verifyConnectivity(applications, {
    clientList: async () => {
      using client = await openRedis(connection);
      return String(await client.command('CLIENT', 'LIST'));
    },
    sinceMs,
    signal,
    timeoutMs: applicationsTimeoutMs,
    onProgress: (seen) =>
      progress({ stage: 'applications', note: seen.map(({ name, verdict }) => `${name} ${verdict}`).join(', ') }),
  });
}
