import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAll } from '../stores/file-system.ts';

export interface SpoolOptions {
  /** Where the file is made. It has no name from its first moment on, so nothing stays after a kill. */
  directory: string;
  /** The most bytes on disk. 0: memory only. */
  maxBytes: number;
  /** The most bytes in memory before the disk is used. Default 32 MiB. */
  memoryBytes?: number;
  /** Told once when the file can't be written (disk full, no such directory): from then on the source waits for the store. */
  onUnusable?: (error: unknown) => void;
}

const MEMORY_BYTES = 32 * 1024 * 1024;
const READ_BYTES = 512 * 1024;

/**
 * Takes bytes as fast as they come, though the store may be slower: while Redis sends a snapshot it holds a fork, and
 * the buffers of the fork, open. First memory, then a file, then backpressure; bytes leave in the order they came.
 * Memory: `memoryBytes` and a chunk each way.
 */
export async function* spool(source: AsyncIterable<Uint8Array>, options: SpoolOptions): AsyncGenerator<Uint8Array> {
  const queue = new SpoolQueue(options);
  const filling = queue.fill(source);
  try {
    for (let chunk = await queue.take(); chunk; chunk = await queue.take()) yield chunk;
  } finally {
    await queue.close(filling);
  }
}

/** Older bytes are in memory, newer ones in the file: memory is used only while the file is empty. */
class SpoolQueue {
  readonly #options: SpoolOptions & { memoryBytes: number };
  #memory: Uint8Array[] = [];
  #memoryBytes = 0;
  #file: FileHandle | undefined;
  /** The file is a ring of `maxBytes`: what was read makes room for what comes. Both count from the beginning. */
  #written = 0;
  #read = 0;
  #unusable = false;
  #ended = false;
  #error: { reason: unknown } | undefined;
  #stopped = false;
  #wake: () => void = () => {};
  #busy: Promise<void> = Promise.resolve();

  constructor(options: SpoolOptions) {
    this.#options = { memoryBytes: MEMORY_BYTES, ...options };
  }

  async fill(source: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of source) {
        while (!this.#stopped && !(await this.#add(chunk))) await this.#changed();
        if (this.#stopped) return;
      }
      this.#ended = true;
    } catch (reason) {
      this.#error = { reason };
    } finally {
      this.#notify();
    }
  }

  /** The next bytes; undefined at the end. @throws what the source threw, at once: what is queued is worth nothing then */
  async take(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#error) throw this.#error.reason;
      const chunk = this.#memory.shift();
      if (chunk) {
        this.#memoryBytes -= chunk.length;
        this.#notify();
        return chunk;
      }
      if (this.#written > this.#read) return this.#takeFromFile();
      if (this.#ended) return undefined;
      await this.#changed();
    }
  }

  async close(filling: Promise<void>): Promise<void> {
    this.#stopped = true;
    this.#notify();
    // A source that waits for bytes is not waited for; it is closed by whoever cancelled it.
    if (this.#ended || this.#error) await filling;
    await this.#busy;
    await this.#file?.close();
  }

  async #add(chunk: Uint8Array): Promise<boolean> {
    const { memoryBytes, maxBytes } = this.#options;
    const inFile = this.#written - this.#read;
    if (inFile === 0 && (this.#memoryBytes === 0 || this.#memoryBytes + chunk.length <= memoryBytes)) {
      this.#memory.push(chunk);
      this.#memoryBytes += chunk.length;
    } else if (!this.#unusable && inFile + chunk.length <= maxBytes) {
      if (!(await this.#exclusively(() => this.#addToFile(chunk)))) return false;
    } else {
      return false;
    }
    this.#notify();
    return true;
  }

  async #addToFile(chunk: Uint8Array): Promise<boolean> {
    try {
      this.#file ??= await nameless(this.#options.directory);
      for (const [bytes, at] of this.#spans(this.#written, chunk.length)) {
        const from = at - this.#written;
        await writeAll(this.#file, chunk.subarray(from, from + bytes), at % this.#options.maxBytes);
      }
    } catch (error) {
      this.#unusable = true; // the spool saves time and nothing else: without it the source waits for the store
      this.#options.onUnusable?.(error);
      return false;
    }
    this.#written += chunk.length;
    return true;
  }

  async #takeFromFile(): Promise<Uint8Array> {
    return this.#exclusively(async () => {
      const wanted = Math.min(this.#written - this.#read, READ_BYTES);
      const chunk = Buffer.allocUnsafeSlow(wanted);
      for (const [bytes, at] of this.#spans(this.#read, wanted)) {
        await readAll(this.#file as FileHandle, chunk, at - this.#read, bytes, at % this.#options.maxBytes);
      }
      this.#read += wanted;
      this.#notify();
      return chunk;
    });
  }

  /** Cuts a range at the end of the ring: `[bytes, position]`, positions counted from the beginning. */
  #spans(from: number, length: number): [bytes: number, at: number][] {
    const { maxBytes } = this.#options;
    const beforeEnd = Math.min(length, maxBytes - (from % maxBytes));
    return beforeEnd === length
      ? [[length, from]]
      : [
          [beforeEnd, from],
          [length - beforeEnd, from + beforeEnd],
        ];
  }

  /** One at a time, so that closing can wait for what is under way. */
  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#busy.then(work);
    this.#busy = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  #notify(): void {
    this.#wake();
  }

  /** Both sides wait here; every change wakes both, and each looks again. */
  #changed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const earlier = this.#wake;
    this.#wake = () => {
      this.#wake = () => {};
      earlier();
      resolve();
    };
    return promise;
  }
}

async function nameless(directory: string): Promise<FileHandle> {
  const path = join(directory, `.redis-backup-spool-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600); // it holds what Redis held, session tokens too
  await unlink(path);
  return file;
}

async function readAll(file: FileHandle, into: Buffer, offset: number, bytes: number, position: number): Promise<void> {
  for (let done = 0; done < bytes; ) {
    const { bytesRead } = await file.read(into, offset + done, bytes - done, position + done);
    if (bytesRead === 0) throw new Error('the spool file is shorter than what was written to it');
    done += bytesRead;
  }
}
