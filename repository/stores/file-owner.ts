import { constants } from 'node:fs';
import { access, type FileHandle, mkdir, open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unlessMissing } from './file-system.ts';

/**
 * What root makes in a repository belongs to the owner of its directory: the worker that runs as that user must get at it after
 * a command of root, or after an earlier worker that was root.
 */
export async function giveToOwner(root: string, made: FileHandle): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = await stat(root);
  await made.chown(uid, gid);
}

/** Makes a folder and those above it, owned like the repository. @returns the first that was not there */
export async function makeFolder(root: string, folder: string): Promise<string | undefined> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return undefined;
  for (let made = folder; ; made = dirname(made)) {
    await giveFolder(root, made);
    if (made === first) return first;
  }
}

/** Through a handle, and never by a symbolic link: whoever owns the repository must not be given anything outside. */
async function giveFolder(root: string, folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch(unlessMissing);
  if (handle === undefined) return; // a delete beside us removed it, because it was still empty
  try {
    await giveToOwner(root, handle);
  } finally {
    await handle.close();
  }
}

/** Opens each description and tries each folder: one that another user has made stops every backup. Data files follow theirs. */
export async function requireAccess(folder: string): Promise<void> {
  await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await requireAccess(path).catch(unlessMissing);
    else if (entry.isFile() && entry.name.endsWith('.json')) await (await open(path).catch(unlessMissing))?.close();
  }
}
