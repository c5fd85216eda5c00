import { statfs } from 'node:fs/promises';
import type { ServerFacts } from '../../model/backup/manifest.ts';
import type { MergeNeeds } from '../../model/merge/free-memory.ts';
import type { Control } from '../../platforms/platform.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { readRoom } from '../../redis/free-memory.ts';
import type { MissingKeys } from '../../redis/merge/missing-keys.ts';
import type { ProtectedInstance } from '../dependencies.ts';
import { filesThatItNames } from '../parts.ts';

/** What the missing keys take, and what there is. Memory and disk of another machine are not known. */
export async function readNeeds(
  target: ProtectedInstance,
  { server, to, missing }: { server: ServerFacts; to: RedisClient; missing: MissingKeys },
): Promise<MergeNeeds> {
  const room = await readRoom(to);
  const control = target.control?.isAtHand ? target.control.open() : undefined;
  const machine = control && (await machineOf(control));
  const logs = server.policy.appendonly === 'yes' ? { logBytes: missing.logBytes } : undefined;
  const disk = target.files?.isAtHand && logs ? await diskOf(target, server, missing.logBytes) : undefined;
  return {
    memoryBytes: missing.memoryBytes,
    room,
    ...(logs ? { logs } : {}),
    ...(machine ? { machine } : {}),
    ...(disk ? { disk } : {}),
  };
}

async function machineOf(control: Control): Promise<MergeNeeds['machine']> {
  const { hostAvailableBytes, limit } = await control.memory();
  const availableBytes = hostAvailableBytes ?? Number.POSITIVE_INFINITY;
  const left = limit?.usedBytes === undefined ? Number.POSITIVE_INFINITY : limit.limitBytes - limit.usedBytes;
  if (availableBytes === Number.POSITIVE_INFINITY && left === availableBytes) return undefined;
  if (left < availableBytes) return { freeBytes: Math.max(0, left), why: 'left by the limit of its control group' };
  return { freeBytes: availableBytes, why: 'available on the host' };
}

/** Undefined where that cannot be seen. */
async function diskOf(target: ProtectedInstance, { policy }: ServerFacts, logBytes: number): Promise<MergeNeeds['disk']> {
  try {
    const { bavail, bsize } = await statfs(filesThatItNames(target, policy).dir);
    return { freeBytes: bavail * bsize, directory: policy.dir, logBytes };
  } catch {
    return undefined; // in a container, or not ours to see
  }
}
