import { createHash } from 'node:crypto';
import type { HealthReport } from '../../model/health-report.ts';
import { diagnose, digestSource } from '../../model/recovery/diagnose.ts';
import type {
  ApplicationObservation,
  PlatformObservations,
  ReplicaObservation,
  RepositoryObservations,
} from '../../model/recovery/observations.ts';
import type { Assessment } from '../../model/recovery/recovery.ts';
import { partReplicas } from '../../model/recovery/replicas.ts';
import type { RecoverySettings } from '../../model/recovery/settings.ts';
import type { ShardRef } from '../../model/shard.ts';
import { type ApplicationProbe, verifyConnectivity } from '../../probes/connectivity.ts';
import { openRedis } from '../../redis/client/client.ts';
import type { RedisConnection } from '../../redis/client/connection.ts';
import { checkHealth } from '../../redis/health/health.ts';
import { neighbour } from '../../redis/roles.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { bounded } from './bounded.ts';
import { addressesOf, knownHistory } from './known-history.ts';
import { observeRepository } from './observe-repository.ts';

/** One after the other: Redis, then what follows from its answer. With the store, which has 4 s, all is done in 6 s. */
const LOOK_MS = 2_500;
const FURTHER_MS = 2_000;
const APPLICATION_MS = 2_000;
/** A client that sent nothing for longer is not seen at work. */
const AT_WORK_MS = 30_000;

export interface AssessInput extends ShardRef {
  /** What its machine sees. Absent: it has no worker, or that did not answer. */
  platform?: PlatformObservations;
  /** See Observations. */
  beside?: readonly string[];
  /** In place of what the configuration says. */
  overrides?: { onDamage?: RecoverySettings['onDamage']; restore?: RecoverySettings['restore'] };
}

export const createAssessActivities = (deps: Dependencies) => ({
  /**
   * Says what is wrong with a Redis and what is to be done, from three sides: this worker, the machine that Redis runs on, and the
   * applications. Within 6 s, whatever doesn't answer; changes nothing.
   */
  async assessFailure({ platform, beside = [], overrides = {}, ...of }: AssessInput): Promise<Assessment> {
    const target = await deps.shard(of);
    const [{ replicas: named, ...redis }, stored, addresses] = await Promise.all([
      lookAround(target, platform),
      observeRepository(deps, of, target.archive !== undefined),
      addressesOf(target.connection),
    ]);
    const facts = platform?.stranger === undefined ? (redis.worker.facts ?? platform?.local?.facts) : undefined;
    const all = [...named, ...(await lookAtReplicas(target.connection, remembered(stored, platform, named)))];
    const parted = partReplicas(all, knownHistory(addresses, facts, platform, stored));
    const settings = {
      ...target.recovery,
      ...(overrides.onDamage ? { onDamage: overrides.onDamage } : {}),
      ...(overrides.restore ? { restore: overrides.restore } : {}),
    };
    const diagnosis = diagnose({
      instance: target.name,
      nowMs: deps.now(),
      ...(platform ? { platform } : {}),
      ...redis,
      ...parted,
      beside,
      stored,
      settings,
      ...(overrides.onDamage ? { isSaid: true } : {}),
    });
    const digest = createHash('sha256').update(digestSource(diagnosis)).digest('hex').slice(0, 16);
    return { ...diagnosis, digest };
  },
});

interface Around {
  worker: HealthReport;
  applications: ApplicationObservation[];
  replicas: ReplicaObservation[];
  primary?: HealthReport;
}

async function lookAround(target: ProtectedInstance, platform: PlatformObservations | undefined): Promise<Around> {
  const { connection, applications, recovery } = target;
  const [worker, outside, configured] = await Promise.all([
    checkHealth(connection, { withinMs: LOOK_MS }),
    lookAtApplications(applications.filter(({ kind }) => kind !== 'clients')),
    lookAtReplicas(connection, recovery.replicas),
  ]);
  const facts = worker.facts ?? platform?.local?.facts;
  const known = new Set(recovery.replicas);
  const further = (facts?.replicas ?? []).filter((address) => !known.has(address));
  const clients = applications.filter(({ kind }) => kind === 'clients');
  const [inside, others, primary] = await Promise.all([
    lookAtApplications(clients, worker.facts && !worker.facts.loading ? connection : undefined),
    lookAtReplicas(connection, further),
    facts?.primary === undefined ? undefined : lookAtAddress(connection, facts.primary),
  ]);
  const named = applications.map(({ name }) => name);
  return {
    worker,
    applications: [...outside, ...inside].sort((a, b) => named.indexOf(a.name) - named.indexOf(b.name)),
    replicas: [...configured, ...others],
    ...(primary ? { primary } : {}),
  };
}

/** So many at most: an address may have changed with each restart of a replica. */
const MOST_REMEMBERED = 16;

/** Whoever followed it within the last day, as far as anything remembers: who it is now, is looked at. */
function remembered(
  stored: RepositoryObservations,
  platform: PlatformObservations | undefined,
  known: readonly ReplicaObservation[],
): string[] {
  const all = [...new Set([...(platform?.replicas ?? []), ...stored.replicas])];
  return all.filter((one) => !known.some(({ address }) => address === one)).slice(0, MOST_REMEMBERED);
}

const lookAtReplicas = (connection: RedisConnection, addresses: readonly string[]): Promise<ReplicaObservation[]> =>
  Promise.all(addresses.map(async (address) => ({ address, look: await lookAtAddress(connection, address) })));

/** With the user and password of the instance, as replicas and primaries of one Redis have them. */
const lookAtAddress = (connection: RedisConnection, address: string): Promise<HealthReport> =>
  checkHealth(neighbour(connection, address), { withinMs: FURTHER_MS });

/** One look at each, without waiting for those that are missing. Without a connection CLIENT LIST is not asked for. */
async function lookAtApplications(
  applications: readonly ApplicationProbe[],
  connection?: RedisConnection,
): Promise<ApplicationObservation[]> {
  const quick = applications.map((probe) =>
    probe.kind === 'clients'
      ? probe
      : { ...probe, answerWithinMs: Math.min(probe.answerWithinMs ?? APPLICATION_MS, APPLICATION_MS) },
  );
  const asked = await bounded('CLIENT LIST', FURTHER_MS + 500, () =>
    verifyConnectivity(quick, { clientList: () => clientList(connection), sinceMs: Date.now() - AT_WORK_MS, timeoutMs: 0 }),
  );
  const verdicts =
    asked.value ??
    applications.map(({ name, kind }) => ({ name, kind, verdict: 'cannot be told' as const, detail: asked.missed }));
  return verdicts.map(({ name, kind, verdict, detail }) => ({ name, kind, verdict, detail: detail ?? '' }));
}

async function clientList(connection: RedisConnection | undefined): Promise<string> {
  if (!connection) throw new Error('Redis does not answer');
  using client = await openRedis(connection, { connectTimeoutMs: 1_000, commandTimeoutMs: 1_000 });
  return String(await client.command('CLIENT', 'LIST'));
}
