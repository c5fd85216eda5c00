import { aliveAt, type ClassExpiries } from '../../model/backup/expiry-timeline.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatCount } from '../../model/format.ts';
import type { RestorePlan } from '../../model/restore/plan/plan.ts';
import { type DatabaseKeys, rehearsedResult } from '../../model/restore/rehearsal.ts';
import { checkStands, type ExpectedKeys, type StandsVerdict } from '../../model/restore/stands-check.ts';
import { MINIMUM_ACL } from '../../redis/acl.ts';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import type { RedisInfo } from '../../redis/client/info.ts';
import { countDatabases } from '../../redis/keys/count-classes.ts';
import type { ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import type { Staged } from './stage.ts';

/** Redis serves meanwhile, and its archiver waits. */
const COUNT_WITHIN_MS = 5 * 60_000;
/** A table that shrinks while it is scanned shows some keys twice: only what is wrong each time is wrong. */
const COUNTS = 3;

export interface StandingOptions {
  plan: RestorePlan;
  staged: Staged;
  /** Known to be left out: collections that were empty. */
  emptyKeysSkipped?: number;
}

/** Counts what stands in a restored Redis, and compares it with what is alive of what it loaded. Read-only. */
export async function countStanding(target: ProtectedInstance, options: StandingOptions): Promise<StandsVerdict> {
  const { signal, progress } = currentJob();
  const tooLong = AbortSignal.timeout(COUNT_WITHIN_MS);
  using client = await openRedis(target.connection); // of its own: it is left in some database
  const scan = () =>
    countDatabases(client, target.classes, {
      signal: AbortSignal.any([signal, tooLong]),
      onProgress: (keys) => progress({ stage: 'count', note: `${formatCount(keys)} keys of ${target.name} counted` }),
    });
  try {
    for (let left = COUNTS; ; left--) {
      const verdict = await compare(client, scan, options);
      if (verdict.ok || left === 1) return verdict;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (tooLong.aborted) return uncounted(await client.info(), TAKES_LONG);
    if (!(error instanceof RecoveryError) || error.code !== 'REDIS_PERMISSION_DENIED') throw error;
    return uncounted(await client.info(), `to count them by class is not permitted (${MINIMUM_ACL.classes.join(' ')})`);
  }
}

async function compare(
  client: RedisClient,
  scan: () => Promise<DatabaseKeys[]>,
  { plan, staged, emptyKeysSkipped = 0 }: StandingOptions,
): Promise<StandsVerdict> {
  const beginMs = await client.time();
  const found = await scan();
  const endMs = await client.time();
  const info = await client.info();
  const evicted = plan.evictionsAnnounced ? (info.number('evicted_keys') ?? 0) : 0;
  const fieldsExpired = info.number('expired_subkeys') ?? 0; // Redis 7.4
  const expected = expectedOf(plan, staged, { beginMs, endMs });
  return checkStands({
    ...(expected ? { expected } : {}),
    found,
    mayLack: evicted + emptyKeysSkipped,
    fieldsExpired,
    writesSeen: writesSeen(info),
  });
}

/** Were all keys of what is loaded counted? */
export const isParsed = (plan: RestorePlan): boolean => rehearsedResult(plan)?.rdb.parsed ?? plan.parsed;

/** What was loaded tells, by the clock of Redis; over it a log was replayed, and only a rehearsal of that tells. */
function expectedOf(
  plan: RestorePlan,
  { expiries, logBytes }: Staged,
  { beginMs, endMs }: { beginMs: number; endMs: number },
): ExpectedKeys[] | undefined {
  const { rehearsal } = plan;
  if (!isParsed(plan)) return undefined;
  if (logBytes === undefined) return expiries.map((one) => ({ ...nameOf(one), alive: aliveBetween(one, beginMs, endMs) }));
  if (!rehearsal?.done) return undefined;
  return rehearsal.databases.flatMap(
    ({ db, classes }) => classes.map(({ name, keys }) => ({ db, name, alive: { atLeast: 0, atMost: keys } })), // which of them expire since is not known
  );
}

const nameOf = ({ db, name }: ClassExpiries) => ({ db, name });

const aliveBetween = ({ timeline }: ClassExpiries, beginMs: number, endMs: number) => ({
  atLeast: aliveAt(timeline, endMs).atLeast,
  atMost: aliveAt(timeline, beginMs).atMost,
});

/** Expiry is no change in this figure. Where Redis does not say, somebody may have written. */
export const writesSeen = (info: RedisInfo): boolean =>
  (info.number('rdb_changes_since_last_save') ?? 1) > 0 || (info.number('rdb_saves') ?? 1) > 0;

const TAKES_LONG = `to count them by class takes longer than ${COUNT_WITHIN_MS / 60_000} min`;

/** Nothing is compared by it: expired keys are still in this figure. */
function uncounted(info: RedisInfo, why: string): StandsVerdict {
  const databases = info.keyspace().map(({ db, keys }) => ({ name: `db${db}`, keys }));
  const keys = databases.reduce((sum, one) => sum + one.keys, 0);
  return {
    ok: true,
    exact: false,
    message: `Redis says that it holds ${formatCount(keys)} keys, and ${why}`,
    after: { keys, classes: [], databases, uncounted: `by DBSIZE: ${why}` },
  };
}
