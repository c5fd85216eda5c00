import { chmod, chown, stat } from 'node:fs/promises';
import type { ChangedAccess } from '../../model/changed-access.ts';
import { groupName, userName } from '../host/users.ts';

interface Access {
  mode: number;
  uid: number;
  gid: number;
}

/**
 * Who may read a redis.conf. Redis writes a new file at CONFIG REWRITE, with mode 0644 less its umask, as the user that it runs as: the
 * passwords in one that was 0640 can then be read by all.
 * @returns puts mode and owner back as far as this process may; what differs afterwards, undefined for nothing
 * @see redis 7.0.15 src/config.c, rewriteConfigOverwriteFile
 */
export async function keepAccess(path: string): Promise<() => Promise<ChangedAccess | undefined>> {
  const before = await accessOf(path);
  return async () => {
    const { uid, gid, mode } = await accessOf(path);
    if (uid !== before.uid || gid !== before.gid) await chown(path, before.uid, before.gid).catch(stays);
    if (mode !== before.mode) await chmod(path, before.mode).catch(stays);
    const after = await accessOf(path);
    return isSame(before, after) ? undefined : { path, ...(await changed(before, after, path)) };
  };
}

const accessOf = async (path: string): Promise<Access> => {
  const { mode, uid, gid } = await stat(path);
  return { mode: mode & 0o7777, uid, gid };
};

const isSame = (one: Access, other: Access): boolean => one.mode === other.mode && one.uid === other.uid && one.gid === other.gid;

/** It belongs to somebody else: what stands there is looked at, and told. */
const stays = (): void => {};

async function changed(before: Access, after: Access, path: string): Promise<Omit<ChangedAccess, 'path'>> {
  const [was, is] = [await ownersOf(before), await ownersOf(after)];
  const [wasMode, isMode] = [octal(before), octal(after)];
  return { was: `${wasMode} of ${was}`, is: `${isMode} of ${is}`, cure: `chown ${was} '${path}' && chmod ${wasMode} '${path}'` };
}

const octal = ({ mode }: Access): string => mode.toString(8).padStart(4, '0');
const ownersOf = async ({ uid, gid }: Access): Promise<string> => `${await userName(uid)}:${await groupName(gid)}`;
