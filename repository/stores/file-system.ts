import { type FileHandle, open, rmdir } from 'node:fs/promises';

/** The `code` of an error of node:fs, or undefined. */
export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** `a/b` where `a` is a file is as missing as `a/b` where `a` is not there. */
export const isMissing = (error: unknown): boolean => errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR';

/** For `.catch()`: undefined if the file isn't there; every other error stays one. */
export function unlessMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}

/** One write(2) may take less than it is given. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position?: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const at = position === undefined ? null : position + written;
    written += (await handle.write(bytes, written, bytes.length - written, at)).bytesWritten;
  }
}

/** Makes the names in a folder durable: without this, a power cut takes a finished file away. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes a folder if nothing is in it. False if something is. */
export async function removedEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST') return false;
    if (isMissing(error)) return true; // somebody else removed it
    throw error;
  }
}
