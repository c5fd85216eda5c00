/** Where a block comes from: one that is free again, or a new one. */
export type TakeBlock = () => Buffer;

/**
 * Gathers chunks into blocks of `blockBytes`; the last may be smaller. A chunk is copied, and may change afterwards.
 * Memory: one block, handed on and not used again unless `take` gives it again.
 */
export async function* inBlocks(
  source: AsyncIterable<Uint8Array>,
  blockBytes: number,
  take: TakeBlock = () => Buffer.allocUnsafeSlow(blockBytes),
): AsyncGenerator<Buffer> {
  let block = take();
  let filled = 0;
  for await (const chunk of source) {
    for (let taken = 0; taken < chunk.length; ) {
      const fits = Math.min(chunk.length - taken, blockBytes - filled);
      block.set(taken === 0 && fits === chunk.length ? chunk : chunk.subarray(taken, taken + fits), filled);
      filled += fits;
      taken += fits;
      if (filled < blockBytes) continue;
      yield block;
      block = take();
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}
