import { backupsInOrder } from '../../backup/backup-time.ts';
import type { ServerFacts } from '../../backup/manifest.ts';
import { formatBytes, formatCount, formatCountOf, formatDuration, formatList } from '../../format.ts';
import { listReplicas } from '../../recovery/replicas.ts';
import { canLoad, compareVersions, lackingModules, type Server } from '../rdb-versions.ts';
import { doubtRefusal, type TargetDoubt, targetDoubt } from '../target-doubt.ts';
import { savedAtStop } from './estimates.ts';
import { sentinelsWatch } from './facts.ts';
import { notItsBackup, otherServerRefusal, refuse } from './identity.ts';
import { liveRefusals } from './live.ts';
import { whatIsLoaded } from './loads.ts';
import { commandRefusals } from './log-needs.ts';
import { lossRefusal } from './loss.ts';
import { asStartedNext, nextStartRefusals } from './next-start.ts';
import { ownerRefusal } from './owner.ts';
import type { AppendForm, PlanInput, Refusal, RestorePlan } from './types.ts';
import { beyondRefusal } from './unusable.ts';

/** TIME of the server and ours may differ by so much: a restore takes seconds, and TTLs are counted in them. */
export const MAX_CLOCK_OFFSET_MS = 2_000;

/** `used_memory` counts buffers that `maxmemory` does not, so a full cache of the same size still fits. */
export const MAXMEMORY_TOLERANCE = 1.05;

/**
 * Everything that forbids the restore, most telling first. Empty: it may go on.
 * @param running - the server of now, where `input` has the one that starts next
 */
export function refusalsOf(input: PlanInput, plan: RestorePlan, running: Server | undefined): Refusal[] {
  const { live, name: instance } = input;
  return [
    doubtRefusal(instance, targetDoubtOf(input), input.options?.intoAnother),
    ownerRefusal(input),
    beyondRefusal(input),
    ...(live
      ? liveRefusals(instance, live, { memoryBytes: plan.memory.neededBytes, rdbBytes: whatIsLoaded(input).rdb.bytes })
      : [notItsBackup(input)]),
    ...standingRefusals(input, running),
    versionRefusal(input),
    modulesRefusal(input),
    databasesRefusal(input),
    logDatabasesRefusal(input),
    ...commandRefusals(input),
    unparsedRefusal(input),
    ...(live ? [] : [logRefusal(plan, input)]),
    lossRefusal(input, plan),
    maxmemoryRefusal(input, plan),
    ...(live ? [] : [memoryRefusal(input, plan), spaceRefusal(input, plan)]),
  ].filter((refusal) => refusal !== undefined);
}

/** Those that are of the Redis and of what runs it, whatever is restored; `check` foresees them without a backup, too. */
export function standingRefusals(of: Standing, running: Server | undefined): Refusal[] {
  const { live } = of;
  return [
    ...(live ? [] : [otherServerRefusal(of), topologyRefusal(of)]),
    ...nextStartRefusals(of, running),
    clockRefusal(of),
  ].filter((refusal) => refusal !== undefined);
}

type Standing = Pick<PlanInput, 'name' | 'target' | 'live'>;

/** Whether another Redis answers than is meant. */
export const targetDoubtOf = ({ name: instance, target, manifest, others, nowMs }: PlanInput): TargetDoubt =>
  targetDoubt({ instance, identity: target.identity, keysNow: target.keysNow, backups: [manifest, ...others], nowMs });

/** What is believed of the target: the running server, or the newest backup of it when it does not answer. */
export function believedServer({ target, manifest, others, nowMs }: PlanInput): {
  facts: ServerFacts;
  server: Server;
  source: string;
} {
  const newest = backupsInOrder([manifest, ...others], nowMs).at(-1) ?? manifest;
  const facts = asStartedNext(target.server ?? newest.server, target.nextStart);
  const server = target.installed ?? facts;
  if (target.installed) return { facts, server, source: 'as installed' };
  if (target.nextStart?.outcome === 'starts') return { facts, server, source: 'as it would start next' };
  return { facts, server, source: target.server ? 'as it runs' : `as backup ${newest.backupId} saw it` };
}

/** Multi-part directories came with Redis 7.0, and every Valkey has them. */
export function appendFormOf(input: PlanInput): AppendForm {
  const { server } = believedServer(input);
  return server.product === 'redis' && compareVersions(server.version, '7.0') < 0 ? 'single-file' : 'multi-part';
}

/** The format is no hindrance if the server is at least as new as the one that wrote it, even where the table ends. */
export function versionJudgement(input: PlanInput): { verdict: 'yes' | 'no' | 'probably'; why: string; source: string } {
  const { server, source } = believedServer(input);
  const { rdb, server: writer, rehearsed } = whatIsLoaded(input);
  const { loadable, why } = canLoad(server, rdb);
  if (rehearsed) return { verdict: 'yes', why: 'it was rehearsed', source };
  if (loadable !== 'unknown') return { verdict: loadable, why, source };
  const asNew = server.product === writer.product && compareVersions(server.version, writer.version) >= 0;
  return asNew
    ? { verdict: 'probably', why: `${why}; it is at least as new as the ${writer.version} that wrote the backup`, source }
    : { verdict: 'no', why: `${why}, and older than the ${writer.version} that wrote the backup`, source };
}

/** A server without append-only file loads an RDB and nothing else. */
function logRefusal({ mode, name: instance }: RestorePlan, input: PlanInput): Refusal | undefined {
  if (!whatIsLoaded(input).log || mode === 'append-only-directory') return undefined;
  return refuse(
    'RESTORE_REFUSED',
    `${instance} starts with appendonly no, and can load a backup but no log`,
    'Set appendonly yes in its configuration file, or restore with --strategy live, which needs no files.',
  );
}

function topologyRefusal({ name: instance, target }: Standing): Refusal | undefined {
  if (target.clusterMode) {
    return refuse(
      'PLATFORM_UNSUPPORTED',
      `${instance} is a node of a Redis Cluster; a restore of one node by replacing its files is not supported`,
      'Restore into a Redis outside the cluster.',
    );
  }
  if (target.server?.role === 'slave') {
    const primary = target.primary ?? 'its primary';
    return refuse(
      'RESTORE_REFUSED',
      `${instance} is a replica of ${primary}, which would overwrite the restored data within seconds`,
      `Restore the instance of ${primary}, or make ${instance} a primary first (REPLICAOF NO ONE).`,
    );
  }
  const [follower] = target.followers ?? [];
  if (follower) {
    return refuse(
      'RESTORE_REFUSED',
      `${listReplicas(target.followers ?? [])} still ${target.followers?.length === 1 ? 'follows' : 'follow'} ${instance}, which does not answer: as soon as it starts they copy the restored data and lose what only they have`,
      `Let one take over (\`redis-backup recover ${instance}\`), or let each keep its data first: REPLICAOF NO ONE on ${follower.address}.`,
    );
  }
  if (target.sentinels && target.replicas.length > 0) {
    return refuse(
      'RESTORE_REFUSED',
      `${sentinelsWatch(target.sentinels)} ${instance}: while it is stopped one of its replicas (${target.replicas.join(', ')}) would be promoted and ${instance} would follow it, empty of the restored data`,
      `Take ${instance} out of their care (SENTINEL REMOVE) and start again.`,
    );
  }
  return undefined;
}

function clockRefusal({ name: instance, target }: Standing): Refusal | undefined {
  const offset = target.clockOffsetMs;
  if (offset === undefined || Math.abs(offset) <= MAX_CLOCK_OFFSET_MS) return undefined;
  const way = offset > 0 ? 'ahead of' : 'behind';
  return refuse(
    'CLOCK_SKEW',
    `the clock of ${instance} is ${formatDuration(Math.abs(offset))} ${way} ours: keys would expire at the wrong time, in the worst case all at once`,
    'Set both clocks by NTP and start again.',
  );
}

function versionRefusal(input: PlanInput): Refusal | undefined {
  const { verdict, why, source } = versionJudgement(input);
  if (verdict !== 'no') return undefined;
  const { server: writer } = input.manifest;
  return refuse(
    'RESTORE_REFUSED',
    `${input.name} cannot load backup ${input.manifest.backupId}: ${why} (${source}; written by ${writer.product} ${writer.version})`,
    `Run ${writer.product} ${writer.version} or newer there, or choose a backup of an older server; \`redis-backup list ${input.name}\` shows them.`,
  );
}

function modulesRefusal(input: PlanInput): Refusal | undefined {
  const { facts, source } = believedServer(input);
  const { rdb, server } = whatIsLoaded(input);
  const names = (modules: { name: string }[]): string[] => modules.map(({ name }) => name);
  const lacking = lackingModules(rdb.moduleTypes, names(server.modules), names(facts.modules));
  if (lacking.length === 0) return undefined;
  const list = formatList(lacking.map(({ type, wants }) => `${type} (${wants})`));
  return refuse(
    'RESTORE_REFUSED',
    `backup ${input.manifest.backupId} holds module data that ${input.name} does not know (${source}): ${list}; Redis would exit while loading`,
    `Load the missing modules in the configuration of ${input.name} and start again.`,
  );
}

function databasesRefusal(input: PlanInput): Refusal | undefined {
  const has = databasesOf(input);
  const highest = whatIsLoaded(input).rdb.databases.reduce((max, { db }) => Math.max(max, db), -1);
  if (highest < has) return undefined;
  return refuse(
    'RESTORE_REFUSED',
    `the backup has keys in database ${highest}, and ${input.name} has ${formatCountOf(has, 'database')} (0 to ${has - 1}): Redis would exit while loading`,
    setDatabases(input, highest),
  );
}

/** Redis goes on behind a SELECT that fails: what follows lands in the database before it. */
function logDatabasesRefusal(input: PlanInput): Refusal | undefined {
  const has = databasesOf(input);
  const { highestDb = -1 } = whatIsLoaded(input).log?.needs ?? {};
  if (highestDb < has) return undefined;
  return refuse(
    'LOG_REFUSED',
    `the log has commands for database ${highestDb}, and ${input.name} has ${formatCountOf(has, 'database')} (0 to ${has - 1}): Redis would carry them out in another one, over the keys there`,
    `${setDatabases(input, highestDb)} Or restore to a moment before them.`,
  );
}

/** Of the Redis that will load it: a live one as it runs, else what the next start reads. */
const databasesOf = (input: PlanInput): number =>
  (input.live ? undefined : input.target.databases) ?? believedServer(input).facts.databases;

const setDatabases = ({ name: instance, live }: PlanInput, highest: number): string =>
  live
    ? `Set \`databases ${highest + 1}\` in the configuration of ${instance} and restart it.`
    : `Set \`databases ${highest + 1}\` in the redis.conf of ${instance}; the restore itself restarts it.`;

/** Without a count there is no proof, and an unproved restore must be somebody's decision. */
function unparsedRefusal({ manifest, options, ...input }: PlanInput): Refusal | undefined {
  if (whatIsLoaded({ manifest, ...input }).rdb.parsed || options?.allowUnparsed) return undefined;
  return refuse(
    'RESTORE_REFUSED',
    `the keys of backup ${manifest.backupId} could not all be counted (${manifest.rdb.unparsed ?? 'unknown type'}), so nobody can prove that they all came back`,
    'Choose a backup that was counted, or allow it by name with --allow-unparsed.',
  );
}

function maxmemoryRefusal({ name: instance, target }: PlanInput, { memory }: RestorePlan): Refusal | undefined {
  const { maxmemoryBytes = 0, maxmemoryPolicy = '' } = target.server ?? {};
  if (maxmemoryBytes === 0 || memory.neededBytes <= maxmemoryBytes * MAXMEMORY_TOLERANCE) return undefined;
  const then =
    maxmemoryPolicy === 'noeviction'
      ? 'it would refuse every write (noeviction)'
      : `it would evict restored keys at once (${maxmemoryPolicy})`;
  return refuse(
    'RESTORE_REFUSED',
    `the data takes ${formatBytes(memory.neededBytes)} of memory and ${instance} has maxmemory ${formatBytes(maxmemoryBytes)}: ${then}`,
    `Set maxmemory of ${instance} to at least ${formatCount(Math.ceil(memory.neededBytes * 1.1))} bytes and start again.`,
  );
}

function memoryRefusal({ name: instance }: PlanInput, { memory }: RestorePlan): Refusal | undefined {
  if (memory.availableBytes === undefined || memory.neededBytes <= memory.availableBytes) return undefined;
  return refuse(
    'RESTORE_REFUSED',
    `the data takes ${formatBytes(memory.neededBytes)} of memory and ${instance} can have ${formatBytes(memory.availableBytes)} (${memory.availableWhy}): it would be killed while loading`,
    'Give the host or its control group more memory, or stop what else runs there.',
  );
}

function spaceRefusal({ name: instance, target, ...input }: PlanInput, { space, mode }: RestorePlan): Refusal | undefined {
  if (space.neededBytes <= space.freeBytes) return undefined;
  const saved = savedAtStop(mode, target) > 0 ? ' and the last save of the old data' : '';
  const what = `the RDB (${formatBytes(whatIsLoaded(input).rdb.bytes)})${mode === 'rdb-file' ? saved : ' and the first rewrite of the log'}`;
  return refuse(
    'TARGET_DISK_FULL',
    `${target.layout.dir} of ${instance} has ${formatBytes(space.freeBytes)} free and needs ${formatBytes(space.neededBytes)} for ${what}; the ${formatBytes(space.keptAsideBytes)} there now are kept aside and free nothing`,
    `Free ${formatBytes(space.neededBytes - space.freeBytes)} in the file system of ${target.layout.dir}.`,
  );
}
