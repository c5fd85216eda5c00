import type { RdbStream } from '../../../redis/replication/replica.ts';

/** All bytes of a snapshot, in one piece. */
export async function bytesOf({ body }: RdbStream): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}
