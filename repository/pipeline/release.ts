/**
 * Frees memory now and not at some collection of garbage; whoever still reads it finds it empty. Only for memory that nobody
 * else has, that is not part of Node's pool, and that no call of the system is under way with.
 */
export function release(memory: ArrayBufferLike): void {
  if (memory instanceof ArrayBuffer) memory.transfer(0);
}

/** Gives a chunk back that has its memory for itself; others stay as they are. */
export function releaseChunk({ buffer, byteLength }: Uint8Array): void {
  if (byteLength === buffer.byteLength) release(buffer);
}
