import type { InstanceConfig } from '../../config/config.ts';
import { OTHER } from '../../model/data-class.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatCount, formatCountOf } from '../../model/format.ts';
import { latestBackup } from '../../model/latest.ts';
import type { RedisClient } from '../../redis/client.ts';
import { KeyClasses } from '../../redis/rdb/key-classes.ts';
import { type CheckWorld, type Finding, findings, ok, warning } from './finding.ts';

/** More of what nobody has named than this is worth a look. */
const OTHER_SHARE = 0.2;
/** SCAN returns keys in no order, so the first so many are a sample. It blocks nobody. */
const SAMPLE_KEYS = 10_000;
const SCAN_COUNT = 1_000;

interface Counts {
  source: string;
  total: number;
  byName: Map<string, number>;
}

/** Each data class matches keys, and few keys match none. Counted in the last backup, else in a sample of the server's keys. */
export const checkDataClasses = (
  world: CheckWorld,
  client: RedisClient | undefined,
  instance: InstanceConfig,
): Promise<Finding[]> =>
  findings('data classes', async () => {
    const counts = (await fromLastBackup(world, instance)) ?? (client && (await fromSample(client, instance)));
    if (!counts) return [];
    if (counts.total === 0) return ok('data classes', `${counts.source} holds no keys: nothing to compare the classes with`);
    return [...unmatched(counts, instance), ...others(counts), ...allWell(counts, instance)];
  });

const unmatched = ({ source, byName }: Counts, { dataClasses }: InstanceConfig): Finding[] =>
  dataClasses
    .filter(({ name }) => (byName.get(name) ?? 0) === 0)
    .map(({ name, pattern }) =>
      warning(
        'data classes',
        `no key of ${source} is of class ${name} (${pattern}): its loss would be reported as nothing`,
        `Is "${pattern}" how the application names its keys? Correct or remove the class.`,
      ),
    );

function others({ source, total, byName }: Counts): Finding[] {
  const other = byName.get(OTHER) ?? 0;
  if (other <= total * OTHER_SHARE) return [];
  const message = `${formatCount(other)} of ${formatCountOf(total, 'key')} of ${source} (${Math.round((100 * other) / total)} %) are of no data class: nobody knows what their loss means`;
  return [warning('data classes', message, 'Look at their names (SCAN), and add classes for them.')];
}

function allWell(counts: Counts, instance: InstanceConfig): Finding[] {
  if (unmatched(counts, instance).length + others(counts).length > 0) return [];
  return [ok('data classes', `all ${instance.dataClasses.length} match keys of ${counts.source}`)];
}

/** Counts every key, but by the classes of its time: of use only if they are the same. */
async function fromLastBackup({ repository }: CheckWorld, { name, dataClasses }: InstanceConfig): Promise<Counts | undefined> {
  const manifests = await repository().then(
    (one) => one.list(name),
    (error) => {
      if (error instanceof RecoveryError) return []; // told by the check of the repository
      throw error;
    },
  );
  const latest = latestBackup(manifests, Date.now());
  if (!latest?.rdb.parsed) return undefined;
  const byName = new Map(latest.census.classes.map((one) => [one.name, one.keys]));
  if (dataClasses.some((one) => !byName.has(one.name))) return undefined;
  return { source: `backup ${latest.backupId}`, total: latest.census.keys, byName };
}

/** `undefined` when the user may not SCAN: no job needs it. */
async function fromSample(client: RedisClient, { dataClasses }: InstanceConfig): Promise<Counts | undefined> {
  const classes = new KeyClasses(dataClasses);
  const byName = new Map<string, number>();
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
          byName.set(name, (byName.get(name) ?? 0) + 1);
        }
        total += keys.length;
        cursor = next;
      } while (cursor !== '0' && total < SAMPLE_KEYS);
    }
  } catch (error) {
    if (error instanceof RecoveryError && error.code === 'REDIS_PERMISSION_DENIED') return undefined;
    throw error;
  }
  return { source: total < SAMPLE_KEYS ? 'the server' : `a sample of ${formatCount(total)} keys`, total, byName };
}
