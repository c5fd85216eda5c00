import { setTimeout as sleep } from 'node:timers/promises';
import { newestNeeds } from '../../activities/archive/log-needs.ts';
import { openArchive } from '../../activities/open-archive.ts';
import type { InstanceShard } from '../../config/config.ts';
import type { ArchiveStatus } from '../../model/archive/archiving.ts';
import { backlogSeconds, wantedBacklogBytes } from '../../model/archive/backlog.ts';
import { foreignText } from '../../model/archive/log-needs.ts';
import { baseOfEnd } from '../../model/archive/plan.ts';
import { beyondText } from '../../model/backup/unusable.ts';
import { formatBytes, formatCountOf, formatDuration, formatList, formatRate } from '../../model/format.ts';
import { askedFor } from '../../model/shard.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { ifKnown } from '../../redis/client/renames.ts';
import { productOf } from '../../redis/server-facts.ts';
import { askWithin, newestRun, startArchive, statusOf } from '../operations/index.ts';
import type { ShownStatus } from '../output/output.ts';
import type { TemporalSession } from '../temporal.ts';
import { checkBufferLimit } from './buffer.ts';
import { type CheckContext, type Finding, failed, findings, ok, warning } from './finding.ts';
import { refusedResyncs } from './resyncs.ts';

const MEASURE_MS = 1_000;
const LOST = 'No restore goes into it. Find out who deletes or changes objects in this store.';

/** The continuous log can be kept from this server without harm to it. */
export const checkArchiveServer = async (
  client: RedisClient,
  instance: InstanceShard,
  world: CheckContext,
): Promise<Finding[]> => {
  if (!instance.archive) return [];
  let bytesPerSecond: number | undefined;
  const ofServer = await findings('archive', async () => {
    const rate = await writeRate(client);
    bytesPerSecond = rate;
    return [
      ...(await backlogFinding(client, rate)),
      ...refusedResyncs(await client.info('server', 'stats')),
      ...(await replicasFinding(client, instance)),
      ...(await versionFinding(client)),
    ];
  });
  if (bytesPerSecond === undefined) return ofServer;
  return [...ofServer, ...(await checkBufferLimit(client, instance, { world, bytesPerSecond }))];
};

/** The archiver runs. */
export const checkArchiver = (session: TemporalSession, redis: InstanceShard, apply: boolean): Promise<Finding[]> =>
  findings('archiver', async () => {
    const { instance, name, archive } = redis;
    if (!archive) return [];
    const workflowId = session.named(WORKFLOW_IDS.archive(name));
    const run = await newestRun(session.client.workflow.getHandle(workflowId), session.targetOf(instance));
    if (!run && apply) {
      await startArchive(session, askedFor(redis));
      return [ok('archiver', `started ${workflowId}: Temporal knew of none`)];
    }
    if (run?.status.name !== 'RUNNING')
      return [failed('archiver', `${workflowId} does not run: nothing is archived`, `Run \`redis-backup archive ${name}\`.`)];
    const handle = session.client.workflow.getHandle(workflowId);
    const [said, now] = await Promise.all([askWithin<ArchiveStatus>(session, handle, 'status'), statusOf(handle, Date.now())]);
    return [archiverFinding(workflowId, said, now)];
  });

/** What the archiver says itself, and whether a worker does what it has asked for. */
export function archiverFinding(workflowId: string, said: ArchiveStatus, now: ShownStatus): Finding {
  const { instance, phase, detachedBy, trouble, rpo } = said;
  const look = `\`redis-backup archive ${instance} --status\` says how far it is`;
  if (phase === 'detached')
    return warning(
      'archiver',
      `${workflowId} has let go of Redis for ${detachedBy}: nothing is archived`,
      `It comes back when that has ended; ${look}.`,
    );
  const wrong =
    trouble ??
    (now.waits ? `${now.note}: nothing is archived` : undefined) ??
    (now.problem === undefined || now.rpoSeconds !== undefined ? undefined : `attempt ${now.attempt} after: ${now.problem}`) ??
    (rpo?.silentSince === undefined ? undefined : `nothing heard from Redis since ${rpo.silentSince}`);
  if (wrong === undefined) return ok('archiver', `${workflowId} runs and answers; ${look}`);
  return failed(
    'archiver',
    `${workflowId} does not follow: ${wrong}`,
    `See whether Redis, the store and the worker are there: ${look}.`,
  );
}

/** The backlog covers the archiver being away for two minutes; proposed with the memory that it takes, and never set. */
async function backlogFinding(client: RedisClient, rate: number): Promise<Finding[]> {
  const settings = await ifKnown(client.configGet('repl-backlog-size', 'maxmemory'));
  if (!settings) return [];
  const { 'repl-backlog-size': size = '0', maxmemory = '0' } = settings;
  const wanted = wantedBacklogBytes(rate);
  const lasts = backlogSeconds(Number(size), rate);
  const now = `writes of ${formatRate(rate)} now`;
  if (Number(size) >= wanted) return [ok('backlog', `repl-backlog-size ${formatBytes(Number(size))} is enough for ${now}`)];
  const counted = Number(maxmemory) > 0 ? `, which counts against maxmemory (${formatBytes(Number(maxmemory))})` : '';
  return [
    warning(
      'backlog',
      `at ${now} repl-backlog-size ${formatBytes(Number(size))} is overrun in ${formatDuration(lasts * 1000)}: an archiver that is away for longer needs a new base, and leaves a gap`,
      `Set repl-backlog-size to ${wanted} (${formatBytes(wanted)} of memory${counted}): CONFIG SET repl-backlog-size ${wanted}, and in redis.conf.`,
    ),
  ];
}

/** Bytes of the replication stream a second; before anybody follows, of what clients send, which is about as much. */
async function writeRate(client: RedisClient): Promise<number> {
  const before = await client.info('replication');
  const began = performance.now();
  await sleep(MEASURE_MS);
  const after = await client.info('replication', 'stats');
  const written = (after.number('master_repl_offset') ?? 0) - (before.number('master_repl_offset') ?? 0);
  if (after.flag('repl_backlog_active')) return Math.round((written * 1000) / (performance.now() - began));
  return Math.round((after.number('instantaneous_input_kbps') ?? 0) * 1024);
}

async function replicasFinding(client: RedisClient, { archive }: InstanceShard): Promise<Finding[]> {
  const { 'min-replicas-to-write': least = '0' } = (await ifKnown(client.configGet('min-replicas-to-write'))) ?? {};
  if (Number(least) === 0 || archive?.allowMinReplicas) return [];
  return [
    failed(
      'archive',
      `min-replicas-to-write is ${least}, and Redis would count the archiver as one of these replicas: it hides a lost one, and when it leaves writes may be refused`,
      'Raise min-replicas-to-write by one, or accept it by archive.allowMinReplicas: true.',
    ),
  ];
}

async function versionFinding(client: RedisClient): Promise<Finding[]> {
  const { product, version } = productOf(await client.info('server'));
  if (product === 'valkey' || Number(version.split('.')[0]) >= 7) return [];
  return [
    warning(
      'archive',
      `Redis ${version} writes into its stream how long keys live, and not until when: that is counted from when the worker got it, so after a replay what was written while no worker followed lives longer, by that time`,
      'Use Redis 7 or newer where times to live must be right after a restore from the log.',
    ),
  ];
}

/** Each byte of the log is there, and from a backup on to its end. */
export const checkLog = ({ repository }: CheckContext, of: InstanceShard): Promise<Finding[]> =>
  findings('log', async () => {
    const { name, archive } = of;
    if (!archive) return [];
    const opened = await repository();
    const { extents, damage } = await opened.archive(of).extents();
    const lost = damage.map((one) => warning('log', beyondText(one), LOST));
    if (extents.length === 0) return lost;
    if (baseOfEnd(extents, await opened.snapshots(of).list())) {
      return lost.length > 0 ? lost : [ok('log', 'it goes on without a hole from a backup to its end')];
    }
    return [
      ...lost,
      failed(
        'log',
        `no backup of ${name} is left from which the log goes on without a gap to its end: nothing that was written since can be restored`,
        `The archiver takes a new base within a minute; if it does not, take one: redis-backup backup ${name}.`,
      ),
    ];
  });

/** What came since the last base can be replayed: a restore to the end of the log executes all of it. */
export const checkArchivedCommands = ({ repository }: CheckContext, of: InstanceShard): Promise<Finding[]> =>
  findings('archived commands', async () => {
    const { archive } = of;
    if (!archive) return [];
    const opened = await repository();
    const needs = await newestNeeds(openArchive(opened, of, archive), await opened.snapshots(of).list(), archive);
    if (!needs || needs.foreign.length === 0) return [];
    return [
      warning(
        'archived commands',
        `the log has ${formatCountOf(needs.foreign.length, 'command')} that no replay executes, since its last base: ${formatList(needs.foreign.map(foreignText))}; restores stop before them`,
        'Name write commands of modules in archive.moduleCommands and renamed ones in archive.renamedCommands, or take a snapshot behind them, from which the log goes on.',
      ),
    ];
  });
