import type { FileHandle } from 'node:fs/promises';
import { interruptible } from '../../repository/interruptible.ts';

/** One write; two of them are in memory. Small ones cost a system call each and a wait for the thread pool. */
const BLOCK_BYTES = 1024 * 1024;
/** How much may be unsynced before the disk is told to begin, so that the sync at the end is short. */
const SYNC_EVERY_BYTES = 64 * 1024 * 1024;

export interface WriteInBlocksOptions {
  signal?: AbortSignal;
  /** Bytes written so far. */
  onProgress?: (bytes: number) => void;
  /** Whether all must be on disk in the end. Default false. */
  sync?: boolean;
}

/**
 * Writes a whole file. Copies into two blocks in turn: one is filled while the other is written.
 * @param source - its chunks may be reused by the source as soon as it is asked for the next
 */
export async function writeInBlocks(
  handle: FileHandle,
  source: AsyncIterable<Buffer>,
  { signal, onProgress, sync = false }: WriteInBlocksOptions,
): Promise<number> {
  const disk = blockWriter(handle, sync, onProgress);
  let block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let spare = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let filled = 0;
  for await (const chunk of signal ? interruptible(source, signal) : source) {
    for (let at = 0; at < chunk.length; ) {
      const copied = chunk.copy(block, filled, at);
      at += copied;
      filled += copied;
      if (filled < BLOCK_BYTES) continue;
      await disk.write(block);
      [block, spare] = [spare, block];
      filled = 0;
    }
  }
  await disk.write(block.subarray(0, filled));
  return disk.end();
}

function blockWriter(handle: FileHandle, sync: boolean, onProgress?: (bytes: number) => void) {
  let writing: Promise<void> = Promise.resolve();
  let syncing: Promise<void> | undefined;
  let written = 0;
  let synced = 0;
  const put = async (block: Buffer) => {
    for (let at = 0; at < block.length; ) at += (await handle.write(block, at, block.length - at)).bytesWritten;
    written += block.length;
    onProgress?.(written);
    if (!sync || written - synced < SYNC_EVERY_BYTES) return;
    await syncing;
    synced = written;
    syncing = handle.datasync();
    syncing.catch(() => {}); // awaited before the next one and at the end
  };
  return {
    /** Returns when the block before this one is written. */
    async write(block: Buffer) {
      await writing;
      writing = put(block);
      writing.catch(() => {}); // awaited by the next write or the end
    },
    async end() {
      await writing;
      await syncing;
      if (sync) await handle.datasync();
      return written;
    },
  };
}
