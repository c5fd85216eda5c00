import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface UserIds {
  uid: number;
  gid: number;
  /** Supplementary ones, without `gid`. */
  groups: readonly number[];
}

/** As whom a process runs; undefined if it is gone, or where there is no /proc. */
export async function userOfProcess(pid: number): Promise<UserIds | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const ids = (name: string) => (new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1] ?? '').split(/\s+/).filter(Boolean);
  const [uid, gid] = [Number(ids('Uid')[1]), Number(ids('Gid')[1])];
  if (Number.isNaN(uid)) return undefined;
  const groups = ids('Groups').map(Number);
  return { uid, gid, groups: groups.filter((group) => group !== gid) };
}

/** Its name, or the number where it has none. */
export const userName = async (uid: number): Promise<string> => (await outputOf('id', '-un', `${uid}`))?.trim() || `${uid}`;

export const groupName = async (gid: number): Promise<string> =>
  (await outputOf('getent', 'group', `${gid}`))?.split(':')[0]?.trim() || `${gid}`;

/** Ours. */
export const ownUser = (): Promise<string> => userName(process.geteuid?.() ?? 0);

/** What a program prints; undefined if it fails, is not there, or takes longer than 5 s. */
export const outputOf = (program: string, ...args: string[]): Promise<string | undefined> =>
  promisify(execFile)(program, args, { timeout: 5_000 }).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
