import type { RedisClient } from '../../redis/client/client.ts';
import {
  canTurnOffRdbCompression,
  putBackRdbCompression,
  turnOffRdbCompression,
} from '../../redis/persistence/rdb-compression.ts';

/** `rdbcompression` turned off for the moment of one fork. */
export interface CompressionGuard {
  /** Why it was left on; absent when it is off. */
  refusedBecause?: string;
  /** Idempotent. */
  putBack(): Promise<void>;
}

/**
 * Turns `rdbcompression` off if nothing but our own fork can see it; else says why not, and the snapshot goes on as usual.
 * Only where it was on before the first attempt.
 * @param freeDiskBytes - where Redis keeps its files; absent when this machine doesn't see them
 */
export async function openCompressionGuard(client: RedisClient, freeDiskBytes?: number): Promise<CompressionGuard> {
  await putBackRdbCompression(client, 'yes'); // an attempt that died has left it off: it was on when the instance was assessed
  const verdict = await canTurnOffRdbCompression(client, freeDiskBytes === undefined ? {} : { freeDiskBytes });
  if (!verdict.ok) return { refusedBecause: verdict.why, putBack: async () => undefined };
  await turnOffRdbCompression(client);
  let off = true;
  return {
    async putBack() {
      if (!off) return;
      await putBackRdbCompression(client, 'yes');
      off = false;
    },
  };
}
