import { accessText } from '../../changed-access.ts';
import { formatBytes, formatCountOf, formatList } from '../../format.ts';
import type { RestoreReport } from '../../operations.ts';
import { type LiveFacts, sentinelsWatch } from './facts.ts';
import { refuse } from './identity.ts';
import type { PlannedLive } from './planned.ts';
import type { Refusal, RestorePlan } from './types.ts';

/** Redis' own load takes so long for a byte (measured: 600 MB in 4.4 s); a live load at most 1.7 times that. */
const LOAD_BYTES_PER_SECOND = 130_000_000;
const LIVE_FACTOR = 1.7;
const REPLAY_BYTES_PER_SECOND = 40_000_000;
/** Until Redis comes for the data (its cron connects once a second), and until the old data is freed. */
const OVERHEAD_SECONDS = 2;

export function plannedLive(facts: LiveFacts, { rdbBytes, log }: Pick<RestorePlan, 'rdbBytes' | 'log'>): PlannedLive {
  const seconds = (LIVE_FACTOR * rdbBytes) / LOAD_BYTES_PER_SECOND + (log?.bytes ?? 0) / REPLAY_BYTES_PER_SECOND;
  return {
    load: swapsDatabases(facts) ? 'swapdb' : 'disk',
    writesRefusedSeconds: Math.ceil(seconds + OVERHEAD_SECONDS),
    workerAddress: facts.workerAddress,
    runId: facts.runId,
  };
}

/** Serving the old data meanwhile came with Redis 7.0. */
const swapsDatabases = ({ product, version }: LiveFacts): boolean => product === 'valkey' || Number(version.split('.')[0]) >= 7;

/** Each unmet condition by name, with what to do; `replace` is always offered. */
export function liveRefusals(
  instance: string,
  facts: LiveFacts,
  { memoryBytes: neededBytes, rdbBytes }: { memoryBytes: number; rdbBytes: number },
): Refusal[] {
  const unmet = (message: string, next: string): Refusal =>
    refuse('RESTORE_REFUSED', message, `${next} Or use --strategy replace.`);
  const { sentinels = 0, path, settings } = facts;
  return [
    facts.isCluster &&
      unmet(`${instance} is a node of a Redis Cluster, which refuses REPLICAOF`, 'Restore into a Redis outside the cluster.'),
    facts.role === 'slave' &&
      unmet(`${instance} is a replica, and would be taken from its primary`, 'Restore the instance of its primary.'),
    facts.lacksConfig === true &&
      unmet(
        `${instance} has no CONFIG under that name (rename-command), by which a live load sets how it follows the worker`,
        'Say what it is called by `commands` of the instance.',
      ),
    facts.isLoading && unmet(`${instance} is loading its own data`, 'Wait until it has loaded.'),
    sentinels > 0 &&
      unmet(
        `${sentinelsWatch(sentinels)} ${instance}: they would promote another server while it is loaded`,
        'Take it out of their care for the restore (SENTINEL REMOVE).',
      ),
    facts.isTlsReplication &&
      unmet(
        `${instance} replicates over TLS (tls-replication yes) and would not accept the worker as its primary`,
        'Set tls-replication no for the restore.',
      ),
    settings.masterauth === 'unknown' &&
      unmet(
        `${instance} has a masterauth that could not be put back afterwards`,
        'Remove it for the restore: a primary needs none.',
      ),
    path?.isReachable === false &&
      unmet(
        `${instance} cannot connect to the worker at ${facts.workerAddress}: ${path.why}`,
        'Open that way (firewall, egress policy), or name another address by worker.live.address.',
      ),
    facts.systemMemoryBytes !== undefined &&
      facts.usedMemoryBytes + neededBytes > facts.systemMemoryBytes &&
      unmet(
        `old and new data stand side by side for a while: ${formatBytes(facts.usedMemoryBytes + neededBytes)} of ${formatBytes(facts.systemMemoryBytes)} of memory`,
        'Give the machine more memory.',
      ),
    writesFiles(facts) &&
      facts.disk !== undefined &&
      facts.disk.freeBytes < rdbBytes &&
      refuse(
        'TARGET_DISK_FULL',
        `${facts.disk.dir} of ${instance} has ${formatBytes(facts.disk.freeBytes)} free, and its own files of the new data take about ${formatBytes(rdbBytes)} beside the old ones: until they are written a crash brings the old data back`,
        `Free ${formatBytes(rdbBytes - facts.disk.freeBytes)} there.`,
      ),
  ].filter((refusal) => refusal !== false);
}

/** What others did to a live load, and it to them: the first lines of its report. */
export function liveDisturbances(instance: string, live: RestoreReport['live']): string[] {
  if (!live) return [];
  const { configFile, acceptedBetween } = live;
  const found: string[] = [];
  if (configFile?.access) found.push(`${accessText(configFile.access)}. Make it as it was: \`${configFile.access.cure}\``);
  if (configFile) {
    const { path, names, state } = configFile;
    const during = `somebody ran CONFIG REWRITE during the load, which wrote ${formatList(names)} of it into ${path}`;
    found.push(
      state === 'mended'
        ? `${during}: it was written anew with the settings of ${instance}`
        : `${during}, and they are still there: at its next start ${instance} follows nobody. Take them out, or run CONFIG REWRITE`,
    );
  }
  if (acceptedBetween > 0)
    found.push(
      `${formatCountOf(acceptedBetween, 'change')} that ${instance} accepted between two attempts of the load were overwritten by the next`,
    );
  return found;
}

const writesFiles = ({ appendonly = false, save = '' }: LiveFacts): boolean => appendonly || save !== '';

/** What does not forbid a live load and should be known before. */
export function liveWarnings(
  instance: string,
  facts: LiveFacts,
  { replicas, logBytes, rdbBytes }: { replicas: number; logBytes: number; rdbBytes: number },
): string[] {
  const found: string[] = [];
  if (logBytes > 0) {
    const seconds = Math.ceil(logBytes / REPLAY_BYTES_PER_SECOND);
    found.push(`reads see the old data, then the backup, and then the log as it is replayed over it, for about ${seconds} s`);
  }
  if (!swapsDatabases(facts)) found.push(`${facts.product} ${facts.version} answers LOADING to reads while it is loaded`);
  if (facts.modules.length > 0)
    found.push(
      `with modules (${formatList(facts.modules)}) Redis may load by its disk: reads would then answer LOADING for the length of the load`,
    );
  if (replicas > 0) found.push(`${formatCountOf(replicas, 'replica')} of ${instance} will copy all of the restored data anew`);
  if (facts.minReplicasToWrite > 0)
    found.push('after the load writes get NOREPLICAS until the replicas have copied it (min-replicas-to-write)');
  if (writesFiles(facts) && facts.disk === undefined)
    found.push(
      `whether its disk has the room to write its own files anew (about ${formatBytes(rdbBytes)}) is not known here: without it, a crash brings the old data back`,
    );
  if (facts.path === undefined) found.push('whether Redis can connect to the worker could not be tried beforehand');
  if (facts.sentinels === undefined) found.push('whether a Sentinel watches it could not be asked');
  found.push(
    'clients that block (BLPOP, XREAD, WAIT) are disconnected when it begins; GETEX, EXPIRE and INCR fail like other writes while it lasts',
    'writes that are accepted before Redis has rewritten its own files die with it if it crashes in that minute',
  );
  return found;
}
