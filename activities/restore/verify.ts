import { aliveOfAll } from '../../model/backup/expiry-timeline.ts';
import { RecoveryError } from '../../model/errors.ts';
import { type CountVerdict, checkCounts } from '../../model/restore/count-check.ts';
import { type LoadFigures, loadFiguresOf } from '../../model/restore/load-log.ts';
import { unforeseenLoss } from '../../model/restore/plan/loss.ts';
import type { RestorePlan } from '../../model/restore/plan/plan.ts';
import type { KeysAfter } from '../../model/restore/stands-check.ts';
import type { ShardRef } from '../../model/shard.ts';
import { type ApplicationVerdict, verifyConnectivity } from '../../probes/connectivity.ts';
import { openRedis } from '../../redis/client/client.ts';
import type { RedisInfo } from '../../redis/client/info.ts';
import { lastLoad } from '../../redis/health/loading.ts';
import { loadErrorsOf, logRefused } from '../../redis/log/load-errors.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { requireControl } from '../parts.ts';
import type { Serving } from '../server/await-serving.ts';
import { countStanding, isParsed, type StandingOptions, writesSeen } from './count-standing.ts';
import type { LiveLoad } from './live/load.ts';
import type { Staged } from './stage.ts';

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

/** What a restore has proved: of the load, and of what stands there. */
export type Verified = CountVerdict & { keysAfter: KeysAfter };

const loadedFacts = ({ plan, staged, info }: { plan: RestorePlan; staged: Staged; info: RedisInfo }) => ({
  mode: plan.mode,
  manifestKeys: staged.keys,
  parsed: isParsed(plan),
  ...lastLoad(info),
  dbsizeAfter: info.keyspace().reduce((sum, { keys }) => sum + keys, 0),
});

/** The verdict on the load, and the one on what stands there. @throws RecoveryError `COUNT_MISMATCH`, `CLOCK_SKEW`, `RESTORE_LOSS` */
async function whole(
  verdict: CountVerdict,
  options: StandingOptions & { target: ProtectedInstance; oldData: string },
): Promise<Verified> {
  const { plan, target, oldData } = options;
  const failed = (code: CountVerdict['code'], message: string) =>
    new RecoveryError(code ?? 'COUNT_MISMATCH', `${plan.instance}: ${message}`, {
      next: `${oldData} Look into the log of Redis, then try another backup.`,
    });
  if (!verdict.ok) throw failed(verdict.code, verdict.message);
  const stands = await countStanding(target, options);
  if (!stands.ok) throw failed('COUNT_MISMATCH', `${verdict.message}; but ${stands.message}`);
  const loss = unforeseenLoss(plan, stands.after);
  if (loss) throw new RecoveryError('RESTORE_LOSS', loss.message, { next: `${oldData} ${loss.next}` });
  return {
    ...verdict,
    exact: verdict.exact && stands.exact,
    message: `${verdict.message}; ${stands.message}`,
    keysAfter: stands.after,
  };
}

/** From the end of a load to its count it logs a few lines, not hundreds. */
const LOG_LINES = 500;

export const createVerifyActivities = (deps: Dependencies) => ({
  /**
   * Proves that every key of what was loaded is there or had expired, that no command of the log was refused, and that what
   * stands there, by database and class, is what was promised. Read-only.
   * @throws RecoveryError `LOG_REFUSED`, `COUNT_MISMATCH`, `CLOCK_SKEW`, `RESTORE_LOSS`
   */
  async verifyCounts({ plan, staged, serving, beforeMs }: VerifyInput): Promise<Verified> {
    const target = await deps.shard(plan);
    using client = await openRedis(target.connection);
    const info = await client.info();
    const lines = await requireControl(target).open().logs(LOG_LINES);
    const refused = loadErrorsOf(info, { lines });
    if (refused) throw logRefused(plan.instance, refused, PUT_BACK);
    const serverMs = await client.time();
    const clockOffsetMs = Math.round(serverMs - deps.now());
    const figures = figuresFromLog(lines, serving.pid);
    const { expiries } = staged;
    const verdict = checkCounts({
      ...loadedFacts({ plan, staged, info }),
      ...figures,
      ...(staged.logBytes === undefined ? {} : { log: { expectedBytes: staged.bytes + staged.logBytes, ...appliedBytes(info) } }),
      evictedKeys: info.number('evicted_keys') ?? 0,
      evictionsAnnounced: plan.evictionsAnnounced,
      alive: { before: aliveOfAll(expiries, beforeMs + clockOffsetMs), after: aliveOfAll(expiries, serverMs) },
      clockOffsetMs,
      runId: { atFirst: serving.runId, atLast: info.get('run_id') ?? '' },
      writesSeen: writesSeen(info),
    });
    const oldData = 'The old data is being put back.';
    return whole(verdict, { plan, staged, target, oldData, ...figures });
  },

  /**
   * Proves that a live load brought everything: the keys of the backup are counted by Redis as it loads them, its acknowledgement
   * covers every byte of the log, and what stands there is what was promised. Read-only.
   * @throws RecoveryError `COUNT_MISMATCH`, `RESTORE_LOSS`
   */
  async verifyLive({ plan, staged, loaded }: VerifyLiveInput): Promise<Verified> {
    const target = await deps.shard(plan);
    using client = await openRedis(target.connection);
    const info = await client.info();
    const { bytes, logBytes } = staged;
    const verdict = checkCounts({
      ...loadedFacts({ plan, staged, info }),
      // by the acknowledgement, or the load had failed
      ...(logBytes === undefined ? {} : { log: { expectedBytes: bytes + logBytes, appliedBytes: bytes + logBytes } }),
      evictedKeys: 0,
      clockOffsetMs: Math.round((await client.time()) - deps.now()),
      runId: { atFirst: loaded.runId, atLast: info.get('run_id') ?? '' },
    });
    const oldData = 'Its files may still have the old data, and the safety snapshot has it.';
    return whole(verdict, { plan, staged, target, oldData });
  },

  /** Waits until every configured application uses the restored Redis, or its time is over. Says who is missing, and judges nothing. Read-only. */
  async verifyApplications({ sinceMs, ...of }: SeenSince): Promise<ApplicationVerdict[]> {
    return seeApplications(await deps.shard(of), sinceMs);
  },

  /** The same for a recovery. Read-only. */
  async watchConnectivity({ sinceMs, ...of }: SeenSince): Promise<ApplicationVerdict[]> {
    return seeApplications(await deps.shard(of), sinceMs);
  },
});

interface SeenSince extends ShardRef {
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
