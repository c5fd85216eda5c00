import { isFuture, takenAtMs } from '../../backup/backup-time.ts';
import { TTL_BOUNDS_SECONDS } from '../../backup/census.ts';
import { type ClassLoss, classLosses } from '../class-loss.ts';
import { heaviest } from '../rehearsed-moments.ts';
import { consentsIn } from './commands.ts';
import { mayEvict, memoryFor, safetySnapshotFor, spaceFor } from './estimates.ts';
import { plannedLive } from './live.ts';
import { whatIsLoaded } from './loads.ts';
import { consentTo, plannedLoss } from './loss.ts';
import { asStartedNext } from './next-start.ts';
import { plannedOutcome } from './outcome.ts';
import { appendFormOf, refusalsOf, targetDoubtOf } from './refusals.ts';
import { downtimeOf, liveStepsFor, stepsFor } from './steps.ts';
import type { PlanInput, PlannedLosses, PlannedMoment, RestoreMode, RestorePlan } from './types.ts';
import { warningsOf } from './warnings.ts';

export type * from './facts.ts';
export type * from './planned.ts';
export type * from './types.ts';

export const PLAN_VERSION = 1;

/**
 * Computes what a restore would do. Everything that forbids it is listed at once, so that nobody finds the next reason only
 * after mending the first.
 */
export function planRestore(given: PlanInput): RestorePlan {
  const { manifest, nowMs } = given;
  const { server, nextStart } = given.target;
  // It is the next start that loads the data: what the running one was told since its own start counts for nothing.
  const target = server ? { ...given.target, server: asStartedNext(server, nextStart) } : given.target;
  const input = { ...given, target };
  const loads = whatIsLoaded(input);
  // A follower loads all keys and expires none meanwhile, as a server does with the base of its log.
  const mode: RestoreMode = target.layout.appendonly || input.live ? 'append-only-directory' : 'rdb-file';
  const ofBackup = backupClasses(input);
  const losses = lossesOf(input, ofBackup);
  const safetySnapshot = safetySnapshotFor(target, input.options, input.foreignOwner);
  const appendForm = appendFormOf(input);
  const steps = (input.live ? liveStepsFor : stepsFor)(loads, target, { mode, appendForm, safetySnapshot });
  const foreseen = foresee(input, ofBackup);
  const draft = {
    version: PLAN_VERSION,
    instance: input.instance,
    shard: input.shard,
    name: input.name,
    backupId: manifest.backupId,
    sha256: manifest.stored.sha256,
    strategy: input.live ? ('live' as const) : ('replace' as const),
    ...(input.live ? { live: plannedLive(input.live, { rdbBytes: loads.rdb.bytes, log: loads.log }) } : {}),
    mode,
    appendForm,
    layout: target.layout,
    target: target.description,
    takenAt: manifest.times.takenAt,
    ...(manifest.takenFrom ? { takenFrom: manifest.takenFrom } : {}),
    plannedAt: new Date(nowMs).toISOString(),
    ageSeconds: losses.writes.seconds,
    rdbBytes: manifest.rdb.bytes,
    storedBytes: manifest.stored.bytes,
    keysInBackup: manifest.rdb.keys,
    parsed: manifest.rdb.parsed,
    ...(input.foreignOwner ? { foreignOwner: input.foreignOwner } : {}),
    targetDoubts: targetDoubtOf(input).doubts,
    ...(input.log ? { log: input.log } : {}),
    ...(input.aofBackup ? { aofBackup: true as const } : {}),
    ...consentsIn(input.options),
    ...(input.rehearsal ? { rehearsal: input.rehearsal } : {}),
    functionsInBackup: manifest.rdb.functions,
    ...foreseen,
    losses,
    beyond: input.beyond ?? [],
    doubts: input.doubts ?? [],
    refusals: [],
    warnings: [],
    steps,
    space: spaceFor(loads, { mode, appendForm }, target),
    memory: memoryFor(loads, target),
    evictionsAnnounced: mayEvict(loads, target),
    downtimeSeconds: input.live ? 0 : downtimeOf(steps),
    safetySnapshot,
    identity: target.identity,
    serverRunId: target.server?.runId ?? target.identity.runId,
    applications: target.applications,
  } satisfies RestorePlan;
  return { ...draft, refusals: refusalsOf(input, draft, server), warnings: warningsOf(input, draft) };
}

/** What stands there afterwards, where the log takes much away, and whether somebody has to consent. */
function foresee(
  input: PlanInput,
  ofBackup: readonly ClassLoss[],
): Pick<RestorePlan, 'outcome' | 'moments' | 'moreMoments' | 'loss' | 'unforeseen'> {
  const { rehearsal } = input;
  const found: readonly PlannedMoment[] = rehearsal?.done ? rehearsal.moments : (input.moments ?? []);
  const moments = heaviest(found, ({ named = Number.POSITIVE_INFINITY }) => named);
  const known = {
    outcome: plannedOutcome(input, ofBackup),
    moments,
    moreMoments: found.length - moments.length + (rehearsal?.done ? rehearsal.moreMoments : 0),
  };
  const loss = plannedLoss(input, known);
  const unforeseen = whatIsLoaded(input).log ? consentTo(input, ['unforeseen'], known) : undefined;
  return { ...known, ...(loss ? { loss } : {}), ...(unforeseen ? { unforeseen } : {}) };
}

function backupClasses({ manifest, target, classes, nowMs }: PlanInput): ClassLoss[] {
  // the server that loads it decides what has expired, so its clock counts
  const elapsedSeconds = (nowMs + (target.clockOffsetMs ?? 0) - manifest.census.takenAtMs) / 1000;
  const bounds = manifest.ttlBoundsSeconds.length > 0 ? manifest.ttlBoundsSeconds : TTL_BOUNDS_SECONDS;
  return classLosses(manifest.census, { classes, bounds, elapsedSeconds });
}

const NEWER_SHOWN = 5;

function lossesOf({ manifest, others, target, nowMs, log }: PlanInput, ofBackup: readonly ClassLoss[]): PlannedLosses {
  const fromMs = log?.untilMs ?? takenAtMs(manifest);
  const newer = others
    .filter((one) => takenAtMs(one) > fromMs && one.reason !== 'safety' && !isFuture(one, nowMs))
    .sort((a, b) => takenAtMs(b) - takenAtMs(a));
  return {
    writes: { fromMs, seconds: Math.round((nowMs - fromMs) / 1000) },
    replaced: target.keysNow && { keys: target.keysNow.total, databases: target.keysNow.databases },
    revived: (log ? [] : ofBackup) // the log has the sign-outs too
      .filter(({ sensitive, aliveNow }) => sensitive && aliveNow.atMost > 0)
      .map(({ name, aliveNow }) => ({ name, atMost: aliveNow.atMost })),
    newerBackupCount: newer.length,
    newerBackups: newer
      .slice(0, NEWER_SHOWN)
      .map(({ backupId, times, rdb, reason }) => ({ backupId, takenAt: times.takenAt, keys: rdb.keys, reason })),
  };
}

/**
 * What a person approves, as text of which the digest is taken: the same as long as the same bytes go to the same place
 * of the same running Redis. Ages, free bytes and estimates drift from minute to minute and are left out.
 */
export const planDigestSource = (plan: RestorePlan): string =>
  JSON.stringify([
    plan.version,
    plan.instance,
    plan.shard,
    plan.backupId,
    plan.sha256,
    plan.strategy,
    plan.live?.load ?? null,
    plan.mode,
    plan.appendForm,
    plan.log?.ranges.map(({ timelineId, from, to }) => [timelineId, from, to]) ?? null,
    [plan.layout.dir, plan.layout.dbfilename, plan.layout.appendonly, plan.layout.appenddirname, plan.layout.appendfilename],
    plan.serverRunId ?? null,
    [...new Set(plan.refusals.map(({ code }) => code).filter((code) => code !== 'RESTORE_LOSS'))].sort(),
    [plan.outcome.known, plan.loss?.digest ?? null], // accepted or not: who accepts it approves the plan that was shown
    ...(plan.aofBackup ? ['aof'] : []),
  ]);
