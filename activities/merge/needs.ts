import { statfs } from 'node:fs/promises';
import type { ServerFacts } from '../../model/manifest.ts';
import type { MergeNeeds } from '../../model/merge-room.ts';
import { hostMemory } from '../../platforms/host-memory.ts';
import type { RedisClient } from '../../redis/client.ts';
import type { MissingKeys } from '../../redis/missing-keys.ts';
import { readRoom } from '../../redis/room.ts';
import type { ProtectedInstance, World } from '../world.ts';

/** What the missing keys take, and what there is. Memory and disk of another machine are not known. */
export async function readNeeds(
  world: World,
  target: ProtectedInstance,
  { server, to, missing }: { server: ServerFacts; to: RedisClient; missing: MissingKeys },
): Promise<MergeNeeds> {
  const room = await readRoom(to);
  const isHere = target.process !== undefined && target.process.host === world.host;
  const pid = isHere ? (await to.info('server')).number('process_id') : undefined;
  const machine = pid === undefined ? undefined : await machineOf(pid);
  const logs = server.policy.appendonly === 'yes' ? { logBytes: missing.logBytes } : undefined;
  const disk = isHere && logs ? await diskOf(server.policy.dir, missing.logBytes) : undefined;
  return {
    memoryBytes: missing.memoryBytes,
    room,
    ...(logs ? { logs } : {}),
    ...(machine ? { machine } : {}),
    ...(disk ? { disk } : {}),
  };
}

async function machineOf(pid: number): Promise<NonNullable<MergeNeeds['machine']>> {
  const { availableBytes, cgroup } = await hostMemory(pid);
  const left = cgroup ? cgroup.limitBytes - cgroup.usedBytes : Number.POSITIVE_INFINITY;
  if (left < availableBytes) return { freeBytes: Math.max(0, left), why: 'left by the limit of its control group' };
  return { freeBytes: availableBytes, why: 'available on the host' };
}

async function diskOf(directory: string, logBytes: number): Promise<MergeNeeds['disk']> {
  const space = await statfs(directory).catch(() => undefined); // in a container, or not ours to see: not known
  return space && { freeBytes: space.bavail * space.bsize, directory, logBytes };
}
