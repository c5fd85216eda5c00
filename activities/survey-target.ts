import { realpath } from 'node:fs/promises';
import { RecoveryError } from '../model/errors.ts';
import type { TargetFacts } from '../model/plan.ts';
import { spaceReport } from '../platforms/data-directory.ts';
import { hostMemory, residentBytes } from '../platforms/host-memory.ts';
import type { DataLayout, Platform } from '../platforms/platform.ts';
import { openRedis, type RedisClient } from '../redis/client.ts';
import { countSentinels } from '../redis/sentinels.ts';
import { readServerFacts } from '../redis/server-facts.ts';
import { requireProcess } from './places.ts';
import type { ProtectedInstance, World } from './world.ts';

export const createSurveyActivities = (world: World) => ({
  /** Looks at the Redis that would be replaced, from the machine it runs on: process, files, disk, memory, clock. Read-only. */
  async surveyTarget({ instance }: { instance: string }): Promise<TargetFacts> {
    const target = await world.instance(instance);
    const platform = requireProcess(target).open();
    const layout = await platform.dataLayout();
    const status = await platform.status();
    const space = await spaceReport(layout);
    const facts: TargetFacts = {
      description: platform.description,
      reachable: false,
      replicas: [],
      layout,
      disk: { freeBytes: space.freeBytes, existingBytes: space.dataBytes },
      memory: await memoryFacts(status.pid),
      identity: { expectedPort: target.connection.port, ...(status.pid ? { platformPid: status.pid } : {}) },
      processRunning: status.running,
      applications: target.applications.map(({ name }) => name),
    };
    refuseObstacles(instance, platform, layout, space.obstacles);
    const client = await openIfThere(target);
    if (!client) return facts;
    using open = client;
    const sentinels = await countSentinels(open);
    return { ...facts, ...(await askServer(open, facts, world.now)), ...(sentinels === undefined ? {} : { sentinels }) };
  },
});

async function memoryFacts(pid: number | undefined): Promise<TargetFacts['memory']> {
  const { availableBytes, totalBytes, cgroup } = await hostMemory(pid);
  const resident = pid === undefined ? undefined : await residentBytes(pid);
  return {
    hostTotalBytes: totalBytes,
    hostAvailableBytes: availableBytes,
    ...(cgroup ? { limitBytes: cgroup.limitBytes } : {}),
    ...(resident === undefined ? {} : { processResidentBytes: resident }),
  };
}

function refuseObstacles(instance: string, platform: Platform, { dir }: DataLayout, obstacles: string[]): void {
  if (obstacles.length === 0) return;
  throw new RecoveryError(
    'RESTORE_REFUSED',
    `${instance}: the data in ${dir} of ${platform.description} cannot be replaced: ${obstacles.join('; ')}`,
    {
      next: 'Remove the obstacle, then plan the restore again.',
    },
  );
}

/** A Redis that is down can be restored; one that refuses us must not be taken for down. */
async function openIfThere({ connection }: ProtectedInstance): Promise<RedisClient | undefined> {
  try {
    return await openRedis(connection, { connectTimeoutMs: 3_000, commandTimeoutMs: 5_000 });
  } catch (error) {
    if (error instanceof RecoveryError && error.code === 'REDIS_UNREACHABLE') return undefined;
    throw error;
  }
}

/** What the server says of itself. */
export async function askServer(client: RedisClient, facts: TargetFacts, now: () => number): Promise<Partial<TargetFacts>> {
  const info = await client.info();
  const keyspace = info.keyspace();
  const server = await readServerFacts(client);
  const port = info.number('tcp_port');
  const pid = info.number('process_id');
  const primary = info.get('role') === 'slave' ? `${info.get('master_host')}:${info.get('master_port')}` : undefined;
  return {
    reachable: true,
    loading: info.flag('loading'),
    server,
    clusterMode: info.flag('cluster_enabled'),
    ...(primary ? { primary } : {}),
    replicas: info.replicas(),
    clockOffsetMs: Math.round((await client.time()) - now()),
    keysNow: {
      total: keyspace.reduce((sum, { keys }) => sum + keys, 0),
      databases: keyspace.map(({ db, keys }) => ({ db, keys })),
    },
    identity: {
      ...facts.identity,
      ...(port ? { foundPort: port } : {}),
      ...(pid ? { serverPid: pid } : {}),
      foundDir: await realpath(server.policy.dir).catch(() => server.policy.dir),
      runId: server.runId,
    },
    layout: { ...facts.layout, dir: await realpath(facts.layout.dir).catch(() => facts.layout.dir) },
  };
}
