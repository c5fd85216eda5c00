import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../model/errors.ts';
import { WORK_DIRECTORY } from '../data-layout.ts';
import type { DataLayout } from '../platform.ts';
import { isThere, namesIn, realFileSystem } from './files.ts';
import { decisiveNames } from './survey.ts';

const { R_OK, W_OK, X_OK } = constants;

/** What this process may not do of what an operation in a data directory needs. Changes nothing. */
export async function deniedIn(layout: DataLayout): Promise<string[]> {
  const { dir } = layout;
  const whole = await refused(dir, R_OK | W_OK | X_OK);
  if (whole !== undefined) return [whole];
  const work = join(dir, WORK_DIRECTORY);
  const data = await Promise.all(decisiveNames(layout).map((name) => refusedIfThere(join(dir, name), R_OK)));
  const ours = (await refusedIfThere(work, R_OK | W_OK | X_OK)) ?? (await Promise.all(await innerOf(work)));
  return [...data, ...[ours].flat()].filter((one) => one !== undefined);
}

/** Locks and journals of ours: what another user has left there can be in the way. */
const innerOf = async (work: string): Promise<Promise<string | undefined>[]> =>
  (await namesIn(realFileSystem, work)).map((name) => refused(join(work, name), R_OK | W_OK));

const refusedIfThere = async (path: string, mode: number): Promise<string | undefined> =>
  (await isThere(realFileSystem, path)) ? refused(path, mode) : undefined;

const refused = (path: string, mode: number): Promise<string | undefined> =>
  access(path, mode).then(
    () => undefined,
    (error: NodeJS.ErrnoException) =>
      error.code === 'EACCES' || error.code === 'EPERM' ? `${path} (${error.code})` : messageOf(error),
  );
