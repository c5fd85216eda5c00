import * as promises from 'node:fs/promises';
import { join } from 'node:path';
import { type Files, realFiles } from '../../../platforms/data-directory/files.ts';

/** Thrown by every call from the moment of the kill on, so that no cleanup code can run: as at kill -9. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

export type When = 'before' | 'after';

export interface FaultyFiles {
  files: Files;
  /** Calls so far; each change of the disk and each look at it is one. */
  calls(): number;
}

const HANDLE_CALLS = new Set(['write', 'writeFile', 'sync', 'datasync']);

/**
 * The real file system that ends the process, as it were, at call number `at` (from 1 on): right before the call, or right
 * after its effect and before its answer. A recursive removal that is killed "after" has removed one name.
 */
export function killedAt(at: number, when: When): FaultyFiles {
  let calls = 0;
  const guard = async <T>(run: () => Promise<T>, halfRun: () => Promise<unknown> = run): Promise<T> => {
    calls++;
    if (calls > at) throw new Killed();
    if (calls < at) return run();
    if (when === 'after') await halfRun();
    throw new Killed(`killed ${when} call ${at}`);
  };
  const files: Record<string, unknown> = {};
  for (const [name, original] of Object.entries(realFiles)) {
    if (typeof original !== 'function') continue;
    const call = original as (...args: unknown[]) => Promise<unknown>;
    files[name] = (...args: unknown[]) =>
      guard(() => call(...args), name === 'rm' ? () => removeOneName(String(args[0])) : undefined);
  }
  files.open = async (...args: Parameters<typeof promises.open>) => {
    // The kernel closes what a killed process had open.
    const openAndClose = async () => (await promises.open(...args)).close();
    return guardedHandle(await guard(() => promises.open(...args), openAndClose), guard);
  };
  return { files: files as unknown as Files, calls: () => calls };
}

export const neverKilled = (): FaultyFiles => killedAt(Number.POSITIVE_INFINITY, 'before');

function guardedHandle(handle: promises.FileHandle, guard: <T>(run: () => Promise<T>) => Promise<T>): promises.FileHandle {
  return new Proxy(handle, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const call = value.bind(target) as (...args: unknown[]) => Promise<unknown>;
      return HANDLE_CALLS.has(String(name)) ? (...args: unknown[]) => guard(() => call(...args)) : call;
    },
  });
}

async function removeOneName(path: string): Promise<void> {
  const [first] = await promises.readdir(path).catch(() => []);
  await promises.rm(first === undefined ? path : join(path, first), { recursive: true, force: true });
}
