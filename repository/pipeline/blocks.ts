/**
 * Gathers small chunks into blocks of `blockBytes`; the last may be smaller, and a chunk of that size passes as it is.
 * Memory: one block, handed on and not used again.
 */
export async function* inBlocks(source: AsyncIterable<Uint8Array>, blockBytes: number): AsyncGenerator<Uint8Array> {
  let block = Buffer.allocUnsafeSlow(blockBytes);
  let filled = 0;
  for await (const chunk of source) {
    if (filled === 0 && chunk.length >= blockBytes) {
      yield chunk;
      continue;
    }
    for (let taken = 0; taken < chunk.length; ) {
      const fits = Math.min(chunk.length - taken, blockBytes - filled);
      block.set(taken === 0 && fits === chunk.length ? chunk : chunk.subarray(taken, taken + fits), filled);
      filled += fits;
      taken += fits;
      if (filled < blockBytes) continue;
      yield block;
      block = Buffer.allocUnsafeSlow(blockBytes);
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}
