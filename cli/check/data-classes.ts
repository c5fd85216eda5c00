import type { InstanceShard } from '../../config/config.ts';
import { latestBackup } from '../../model/backup/latest.ts';
import { type DataClass, OTHER } from '../../model/data-class.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatCount, formatCountOf, formatList } from '../../model/format.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { KeyClasses } from '../../redis/rdb/key-classes.ts';
import { type CheckContext, type Finding, findings, ok, warning } from './finding.ts';

/** More of what nobody has named than this is worth a look. */
const OTHER_SHARE = 0.2;
/** SCAN returns keys in no order, so the first so many are a sample. It blocks nobody. */
const SAMPLE_KEYS = 10_000;
const SCAN_COUNT = 1_000;

/** Keys that live no longer may all be gone at one look: it takes several to say that there are none. */
const SHORT_LIVED_SECONDS = 3600;
const ENOUGH_LOOKS = 3;
/** Of a sample, the least share of keys of one prefix that is worth naming, and how many prefixes are named. */
const PREFIX_SHARE = 0.01;
const MOST_PREFIXES = 5;

interface Counts {
  source: string;
  total: number;
  byName: Map<string, number>;
  /** Classes that an older backup has keys of. */
  seenBefore: ReadonlySet<string>;
  /** So many backups were looked into; 1 for the server. */
  looks: number;
}

/** Keys of the server, counted by class, and those of no class by the begin of their names. */
interface Sample extends Counts {
  prefixes: Map<string, number>;
}

/** Each data class matches keys, and few keys match none. Counted in the last backup, else in a sample of the server's keys. */
export const checkDataClasses = (
  world: CheckContext,
  client: RedisClient | undefined,
  instance: InstanceShard,
): Promise<Finding[]> =>
  findings('data classes', async () => {
    const sample = client && (await fromSample(client, instance));
    const counts = (await fromLastBackup(world, instance)) ?? sample;
    if (!counts) return [];
    if (counts.total === 0) return ok('data classes', `${counts.source} holds no keys: nothing to compare the classes with`);
    const found = [...unmatched(counts, instance), ...others(counts), ...(sample ? unnamed(sample) : [])];
    return found.length > 0 ? found : [allWell(counts, instance)];
  });

const isAbsent = ({ byName }: Counts, { name }: DataClass): boolean => (byName.get(name) ?? 0) === 0;
const isShortLived = ({ ttlSeconds = Number.POSITIVE_INFINITY }: DataClass): boolean => ttlSeconds <= SHORT_LIVED_SECONDS;

const unmatched = (counts: Counts, { dataClasses }: InstanceShard): Finding[] =>
  dataClasses
    .filter(
      (one) => isAbsent(counts, one) && (!isShortLived(one) || counts.looks >= ENOUGH_LOOKS) && !counts.seenBefore.has(one.name),
    )
    .map(({ name, pattern }) =>
      warning(
        'data classes',
        `no key of ${counts.source} is of class ${name} (${pattern}): its loss would be reported as nothing`,
        `Is "${pattern}" how the application names its keys? Correct or remove the class.`,
      ),
    );

function others({ source, total, byName }: Counts): Finding[] {
  const other = byName.get(OTHER) ?? 0;
  if (other <= total * OTHER_SHARE) return [];
  const message = `${formatCount(other)} of ${formatCountOf(total, 'key')} of ${source} (${Math.round((100 * other) / total)} %) are of no data class: nobody knows what their loss means`;
  return [warning('data classes', message, 'Look at their names (SCAN), and add classes for them.')];
}

/** `cart:*`: a kind of key that somebody has forgotten, or that is new. */
function unnamed({ source, total, prefixes }: Sample): Finding[] {
  const many = [...prefixes].filter(([, keys]) => keys >= Math.max(10, total * PREFIX_SHARE)).sort((a, b) => b[1] - a[1]);
  if (many.length === 0) return [];
  const shown = many.slice(0, MOST_PREFIXES).map(([prefix, keys]) => `${prefix} (${formatCountOf(keys, 'key')})`);
  const more = many.length > MOST_PREFIXES ? ` and ${many.length - MOST_PREFIXES} other prefixes` : '';
  return [
    warning(
      'data classes',
      `${source} has keys that no data class matches: ${shown.join(', ')}${more}`,
      'Add a class for each, so that plans and reports say what their loss means.',
    ),
  ];
}

function allWell(counts: Counts, { dataClasses }: InstanceShard): Finding {
  const absent = dataClasses.filter((one) => isAbsent(counts, one)).map(({ name }) => name);
  if (absent.length === 0) return ok('data classes', `all ${dataClasses.length} match keys of ${counts.source}`);
  const why = 'short-lived, or in older backups';
  return ok(
    'data classes',
    `${dataClasses.length - absent.length} of ${dataClasses.length} match keys of ${counts.source}; without one now: ${formatList(absent)} (${why})`,
  );
}

/** Counts every key, but by the classes of its time: of use only if they are the same. */
async function fromLastBackup({ repository }: CheckContext, { dataClasses, ...of }: InstanceShard): Promise<Counts | undefined> {
  const manifests = await repository().then(
    (one) => one.snapshots(of).list(),
    (error) => {
      if (error instanceof RecoveryError) return []; // told by the check of the repository
      throw error;
    },
  );
  const latest = latestBackup(manifests, Date.now());
  if (!latest?.rdb.parsed) return undefined;
  const byName = new Map(latest.census.classes.map((one) => [one.name, one.keys]));
  if (dataClasses.some((one) => !byName.has(one.name))) return undefined;
  const all = manifests.flatMap(({ census }) => census.classes);
  const seenBefore = new Set(all.filter(({ keys }) => keys > 0).map((one) => one.name));
  return { source: `backup ${latest.backupId}`, total: latest.census.keys, byName, seenBefore, looks: manifests.length };
}

/** `undefined` when the user may not SCAN: no job needs it. */
async function fromSample(client: RedisClient, { dataClasses }: InstanceShard): Promise<Sample | undefined> {
  const classes = new KeyClasses(dataClasses);
  const byName = new Map<string, number>();
  const prefixes = new Map<string, number>();
  const add = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
  let total = 0;
  try {
    for (const { db } of await client.dbsizes()) {
      if (db !== 0) await client.command('SELECT', String(db));
      let cursor = '0';
      do {
        const [next, keys] = (await client.command('SCAN', cursor, 'COUNT', String(SCAN_COUNT))) as [string, string[]];
        for (const key of keys) {
          const bytes = Buffer.from(key);
          const name = dataClasses[classes.classOf(bytes, 0, bytes.length, true)]?.name ?? OTHER;
          add(byName, name);
          const prefix = name === OTHER ? prefixOf(key) : undefined;
          if (prefix !== undefined) add(prefixes, prefix);
        }
        total += keys.length;
        cursor = next;
      } while (cursor !== '0' && total < SAMPLE_KEYS);
    }
  } catch (error) {
    if (error instanceof RecoveryError && error.code === 'REDIS_PERMISSION_DENIED') return undefined;
    throw error;
  }
  const source = total < SAMPLE_KEYS ? 'the server' : `a sample of ${formatCount(total)} keys`;
  return { source, total, byName, prefixes, seenBefore: new Set(), looks: 1 };
}

/** What stands before the first colon; never a whole name, which may be a secret. */
const prefixOf = (key: string): string | undefined => {
  const [, prefix] = /^([\w.{}-]{1,40}):/.exec(key) ?? [];
  return prefix === undefined ? undefined : `${prefix}:*`;
};
