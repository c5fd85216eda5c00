import assert from 'node:assert/strict';
import { parseInfo } from '../../../redis/client/info.ts';
import type { Follower } from '../../../redis/replication/follow.ts';
import type { RedisServer } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

/** What a follower has received, read on in the background. */
export interface Recording {
  readonly follower: Follower;
  /** Offset before the first byte of `bytes()`. */
  readonly from: number;
  readonly offset: number;
  bytes(): Buffer;
  /** The snapshot that came first, if one did. */
  readonly rdb: Buffer | undefined;
  /** Resolves when the stream has ended, with the error that ended it. */
  readonly ended: Promise<unknown>;
}

/** Reads the snapshot, if there is one, and then the stream until it ends. */
export async function record(follower: Follower): Promise<Recording> {
  const rdb = follower.kind === 'full' ? await allOf(follower.rdb.body) : undefined;
  const pieces: Buffer[] = [];
  let offset = follower.offset;
  const read = async () => {
    for await (const piece of follower.stream()) {
      assert.ok(piece.length > 0 && piece.length <= 1024 * 1024);
      pieces.push(piece);
      offset += piece.length;
    }
  };
  const ended = read().catch((error: unknown) => error);
  return {
    follower,
    from: follower.offset,
    get offset() {
      return offset;
    },
    bytes: () => Buffer.concat(pieces),
    rdb,
    ended,
  };
}

async function allOf(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

export const replOffset = async (redis: RedisServer): Promise<number> =>
  parseInfo(String(await redis.command('INFO', 'replication'))).number('master_repl_offset') ?? -1;

/** Waits until a recording has all that the server has sent its replicas. A recording that ends before fails. */
export async function untilCaughtUp(redis: RedisServer, recording: Recording): Promise<void> {
  let hasEnded = false;
  void recording.ended.then(() => {
    hasEnded = true;
  });
  const isThere = async () => {
    if (recording.offset === (await replOffset(redis))) return true;
    if (hasEnded) throw new Error('the stream ended before the follower had every byte', { cause: await recording.ended });
    return false;
  };
  await until(isThere, { what: 'the follower has every byte', seconds: 20 });
}
