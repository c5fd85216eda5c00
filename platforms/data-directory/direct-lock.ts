import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import { WORK_DIRECTORY } from '../data-layout.ts';
import type { DataLayout } from '../platform.ts';
import { realDirectory, realFileSystem, writeWhole } from './files.ts';
import { openLock, tryLock } from './lock.ts';

import { makeOwn } from './owner.ts';

const LOCK = 'direct.lock';
const OWNER = 'direct.json';

/** Directories that this process has. */
const held = new Set<string>();

export interface DirectOwner {
  operationId: string;
  pid: number;
}

/**
 * Runs a whole operation that no lock in Temporal covers. Whoever else wants to change the directory sees whose it is, for as
 * long as this process lives: the lock is the kernel's.
 * @throws RecoveryError `LOCKED` with the process that has it
 */
export async function asDirectOwner<T>(layout: DataLayout, operationId: string, body: () => Promise<T>): Promise<T> {
  const root = join(await realDirectory(realFileSystem, layout.dir), WORK_DIRECTORY);
  await makeOwn(realFileSystem, root);
  const lock = await openLock(root, LOCK);
  try {
    if (!tryLock(lock)) throw owned(root, await readOwner(root));
    await writeWhole(realFileSystem, root, OWNER, `${JSON.stringify({ operationId, pid: process.pid } satisfies DirectOwner)}\n`);
    held.add(root);
    return await body();
  } finally {
    held.delete(root);
    lock.close();
  }
}

/** Who has it now; `undefined`: nobody. */
export async function directOwner(root: string): Promise<DirectOwner | undefined> {
  const owner = await readOwner(root);
  if (!owner) return undefined;
  if (held.has(root)) return owner;
  const lock = await openLock(root, LOCK);
  try {
    return tryLock(lock) ? undefined : owner;
  } finally {
    lock.close();
  }
}

/** @throws RecoveryError `LOCKED` while a `restore --direct` is under way in this directory */
export async function refuseBesideDirect(layout: DataLayout): Promise<void> {
  const root = join(await realDirectory(realFileSystem, layout.dir), WORK_DIRECTORY);
  const owner = await directOwner(root);
  if (owner && !held.has(root)) throw owned(root, owner);
}

async function readOwner(root: string): Promise<DirectOwner | undefined> {
  const text = await readFile(join(root, OWNER), 'utf8').catch(() => '');
  try {
    return JSON.parse(text) as DirectOwner;
  } catch {
    return undefined;
  }
}

const owned = (root: string, owner: DirectOwner | undefined): RecoveryError =>
  new RecoveryError(
    'LOCKED',
    `a \`restore --direct\` is under way in ${root}${owner ? `: process ${owner.pid}, operation ${owner.operationId}` : ''}`,
    { next: 'Wait for its end: it finishes, or puts everything back.' },
  );
