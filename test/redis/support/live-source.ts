import { openFollower } from '../../../redis/replication/follow.ts';
import type { Payload } from '../../../redis/replication/primary-payload.ts';
import type { RedisServer } from '../../support/redis-server.ts';
import { record, untilCaughtUp } from './recording.ts';

export interface LiveSource {
  rdb: Buffer;
  log: Buffer;
  digest: string;
  keys: number;
}

export const digestOf = async (redis: RedisServer): Promise<string> => String(await redis.command('DEBUG', 'DIGEST'));

/** A snapshot, the log behind it, and what both must come to. */
export async function takeSource(redis: RedisServer, write: () => Promise<unknown>): Promise<LiveSource> {
  const recording = await record(await openFollower(redis.connection));
  await write();
  await untilCaughtUp(redis, recording);
  recording.follower.close();
  const rdb = recording.rdb ?? Buffer.alloc(0);
  return { rdb, log: recording.bytes(), digest: await digestOf(redis), keys: await redis.dbsize() };
}

export const feedOf = (bytes: Buffer, pieceBytes = 256 * 1024): Payload => ({
  bytes: bytes.length,
  async *open() {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  },
});

/** The same as a feed that stops in the middle, for good. */
export function gatedFeedOf(bytes: Buffer): { feed: Payload; reached: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const half = feedOf(bytes.subarray(0, bytes.length / 2));
  const open = async function* () {
    yield* half.open();
    resolve();
    await new Promise(() => undefined);
  };
  return { feed: { bytes: bytes.length, open }, reached: promise };
}
