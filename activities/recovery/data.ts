import { createHash } from 'node:crypto';
import { hasCode } from '../../model/errors.ts';
import { decideOnData, isConclusive, offerDigestSource } from '../../model/recovery/data-decision.ts';
import type { DataFacts, PresentKeys } from '../../model/recovery/data-facts.ts';
import type { Assessment, DataDecision, SignInForecast } from '../../model/recovery/recovery.ts';
import type { RecoverySettings } from '../../model/recovery/settings.ts';
import { forecastSignIns } from '../../model/recovery/sign-in-forecast.ts';
import { ownerLine } from '../../model/restore/plan/owner.ts';
import type { ShardRef } from '../../model/shard.ts';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import { countClasses } from '../../redis/keys/count-classes.ts';
import { sampleClasses } from '../../redis/keys/sample-classes.ts';
import { functionLibraries } from '../../redis/merge/functions.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { beforeFailure, servingProcess } from './before-failure.ts';
import { lookUpRecent } from './recent-sessions.ts';
import { unloadedWrites } from './unloaded-writes.ts';

/** So few keys are counted in less time than it takes to explain a sample. */
const COUNT_BELOW_KEYS = 100_000;
/** When it has served for longer, people have signed out, and their sessions are missed by nobody. */
const RECENT_WITHIN_MS = 30 * 60_000;

export interface DecideDataInput extends ShardRef {
  assessment: Assessment;
  /** In place of what the configuration says, for this recovery. */
  restoreOverride?: RecoverySettings['restore'];
}

export interface ForecastSignInsInput extends ShardRef {
  assessment: Assessment;
  decision: DataDecision;
  /** From before the failure, of `findBaseline`. */
  normalPerSecond?: number;
}

export const createDataActivities = (deps: Dependencies) => ({
  /**
   * Compares the sessions that should be there with those that are, and says what could be brought back, and whether to ask
   * for it. Read-only; a retry looks again.
   * @throws RecoveryError those of Redis and of the store: what could not be read is no loss and no absence of one
   */
  async decideData({ assessment, restoreOverride, ...of }: DecideDataInput): Promise<DataDecision> {
    const { signal } = currentJob();
    const target = await deps.shard(of);
    using client = await openRedis(target.connection);
    const serving = await servingProcess(client, deps.now());
    const { base, replaced, log, logProblem, foreignOwner } = await beforeFailure(deps, target, assessment, serving);
    const nowMs = await client.time();
    const servedMs = deps.now() - Math.max(serving.startedAtMs, log?.untilMs ?? 0);
    const recent = log && servedMs <= RECENT_WITHIN_MS ? await lookUpRecent(deps, target, client, log, nowMs) : undefined;
    // Behind a restore what it loaded is older because somebody wanted that.
    const isOlder = log && !replaced && servedMs <= RECENT_WITHIN_MS;
    const unloaded = isOlder ? await unloadedWrites(deps, target, client, log) : undefined;
    // Complete is what the assessment saw; of another timeline it says nothing.
    const complete = assessment.log?.complete === true && log?.until.startsWith(`${assessment.log.timelineId}@`) === true;
    const facts: Omit<DataFacts, 'present' | 'sampled'> = {
      settings: besideTwins(assessment, { ...target.recovery, ...(restoreOverride ? { restore: restoreOverride } : {}) }),
      classes: target.classes,
      ...(base ? { base } : {}),
      ...(replaced ? { replaced } : {}),
      ...(log ? { log: { until: log.until, untilMs: log.untilMs, complete } } : {}),
      ...(logProblem === undefined ? {} : { logProblem }),
      ...(recent ? { recent } : {}),
      ...(unloaded ? { unloaded } : {}),
      ...(base && base.rdb.functions > 0 ? { functionsNow: await functionsIn(client) } : {}),
      nowMs,
    };
    const decided = decideOnData({ ...facts, ...(await lookAtPresent(client, target, facts, signal)) });
    const digest = decided.offer && digestOf(offerDigestSource(target.name, decided.offer));
    const text = foreignOwner
      ? `${ownerLine({ foreignOwner }).join()}, and nothing of it counts here. ${decided.text}`
      : decided.text;
    return { ...decided, text, ...(digest === undefined ? {} : { digest }) };
  },

  /**
   * How many people will sign in again, at most, computed from the times to live in the last backup. Read-only.
   * @returns undefined if nothing is lost, or nobody knows
   */
  async forecastSignIns(input: ForecastSignInsInput): Promise<SignInForecast | undefined> {
    const { assessment, decision, normalPerSecond } = input;
    const target = await deps.shard(input);
    const { sessionClass } = target.recovery;
    const sessions = target.classes.find(({ name }) => name === sessionClass);
    if (!sessions || !decision.lost || decision.verdict === 'within-tolerance') return undefined;
    using client = await openRedis(target.connection);
    const serving = await servingProcess(client, deps.now());
    const { base } = await beforeFailure(deps, { ...target, archive: undefined }, assessment, serving);
    const counted = base?.census.classes.find(({ name }) => name === sessionClass);
    return forecastSignIns({
      lost: decision.lost,
      name: sessions.name,
      expiry: sessions.expiry,
      ...(sessions.ttlSeconds === undefined ? {} : { ttlSeconds: sessions.ttlSeconds }),
      ...(counted ? { counted } : {}),
      ...(base && base.ttlBoundsSeconds.length > 0 ? { bounds: base.ttlBoundsSeconds } : {}),
      ...(normalPerSecond === undefined ? {} : { normalPerSecond }),
    });
  },
});

const functionsIn = async (client: RedisClient): Promise<number | { unknown: string }> => {
  try {
    return (await functionLibraries(client)).length;
  } catch (error) {
    if (!hasCode(error, 'REDIS_PERMISSION_DENIED', 'REDIS_REFUSED')) throw error;
    return { unknown: error.message };
  }
};

/** Which of two primaries has the newer keys nobody can tell: nothing comes back by itself. */
const besideTwins = ({ twins }: Assessment, settings: RecoverySettings): RecoverySettings =>
  twins?.length && settings.restore === 'auto' ? { ...settings, restore: 'ask' } : settings;

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** A sample where that is enough to decide by, else a count. */
async function lookAtPresent(
  client: RedisClient,
  { name, classes }: ProtectedInstance,
  facts: Omit<DataFacts, 'present' | 'sampled'>,
  signal: AbortSignal,
): Promise<{ present: PresentKeys[]; sampled: boolean }> {
  const { progress } = currentJob();
  const all = (await client.dbsizes()).reduce((sum, { keys }) => sum + keys, 0);
  if (all >= COUNT_BELOW_KEYS) {
    progress({ stage: 'data', note: `a sample of ${all} keys of ${name}` });
    const sample = await sampleClasses(client, classes, { signal });
    const looked = { present: sample.classes, sampled: !sample.exact };
    if (sample.exact || isConclusive({ ...facts, ...looked })) return looked;
  }
  const counted = await countClasses(client, classes, {
    signal,
    onProgress: (keys) => progress({ stage: 'data', note: `${keys} of ${all} keys of ${name} counted` }),
  });
  return { present: counted.map(({ name, keys }) => ({ name, keys, atLeast: keys, atMost: keys })), sampled: false };
}
