import * as promises from 'node:fs/promises';
import { join } from 'node:path';
import { type FileSystem, realFileSystem } from '../../../platforms/data-directory/files.ts';

/** Thrown by every call from the moment of the kill on, so that no cleanup code can run: as at kill -9. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

/** `midway`: half of the text is written, one name of a directory is removed; what cannot be half done is done. */
export type When = 'before' | 'midway';

export interface FaultyFiles {
  files: FileSystem;
  /** Changes of the disk so far. */
  changes(): number;
}

const CHANGING = new Set(['mkdir', 'rename', 'link', 'rm', 'chmod', 'chown', 'copyFile']);
const CHANGING_OF_HANDLE = new Set(['write', 'writeFile']);

/**
 * The real file system, except that change number `at` (from 1 on) ends the process, as it were. Looking at the disk is not
 * counted: a kill there is a kill before the next change.
 */
export function killedAt(at: number, when: When): FaultyFiles {
  let changes = 0;
  const guard = async <T>(run: () => Promise<T>, midway: () => Promise<unknown> = run): Promise<T> => {
    changes++;
    if (changes < at) return run();
    if (changes === at && when === 'midway') await midway();
    throw new Killed(`killed ${when} change ${at}`);
  };
  const looking = <T>(run: () => Promise<T>): Promise<T> => (changes >= at ? Promise.reject(new Killed()) : run());
  const files: Record<string, unknown> = {};
  for (const [name, original] of Object.entries(realFileSystem)) {
    if (typeof original !== 'function') continue;
    const call = original as (...args: unknown[]) => Promise<unknown>;
    files[name] = (...args: unknown[]) => {
      if (!CHANGING.has(name)) return looking(() => call(...args));
      return guard(() => call(...args), name === 'rm' ? () => removeOneName(String(args[0])) : undefined);
    };
  }
  files.open = (...args: Parameters<typeof promises.open>) => openGuarded(args, guard, looking);
  return { files: files as unknown as FileSystem, changes: () => changes };
}

export const neverKilled = (): FaultyFiles => killedAt(Number.POSITIVE_INFINITY, 'before');

type Guard = <T>(run: () => Promise<T>, midway?: () => Promise<unknown>) => Promise<T>;

async function openGuarded(args: Parameters<typeof promises.open>, guard: Guard, looking: Guard): Promise<promises.FileHandle> {
  if (args[1] === 'r') return looking(() => promises.open(...args));
  // The kernel closes what a killed process had open.
  const openAndClose = async () => (await promises.open(...args)).close();
  const handle = await guard(() => promises.open(...args), openAndClose);
  return new Proxy(handle, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const call = value.bind(target) as (...args: unknown[]) => Promise<unknown>;
      if (!CHANGING_OF_HANDLE.has(String(name))) return call;
      return (data: Buffer | string, ...rest: unknown[]) =>
        guard(
          () => call(data, ...rest),
          () => target.write(Buffer.from(data).subarray(0, Buffer.from(data).length / 2)),
        );
    },
  });
}

async function removeOneName(path: string): Promise<void> {
  const [first] = await promises.readdir(path).catch(() => []);
  await promises.rm(first === undefined ? path : join(path, first), { recursive: true, force: true });
}
