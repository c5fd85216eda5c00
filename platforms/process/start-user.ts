import { basename } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import type { StartUser } from '../../model/restore/start-user.ts';
import { outputOf, type UserIds, userName, userOfProcess } from '../host/users.ts';

/** How a command is run as somebody else. */
export interface Becoming {
  uid: number;
  gid: number;
  /** Words that do it, right in front of the server; empty: Node does. */
  through: string[];
  /** Groups that it then does not have: Node drops them all, and nothing else is there that would not. */
  lacksGroups: readonly number[];
}

const SERVER = /(?:^|\/)(?:redis|valkey)-server[^/]*$/;
/** Change as whom what follows them runs. */
const WHOM = new Set(['sudo', 'runuser', 'setpriv', 'gosu', 'su-exec']);
/** Change only how it runs. */
const HOW = new Set(['nice', 'ionice', 'numactl', 'taskset', 'chrt', 'env', 'nohup', 'setsid']);

/** Where redis-server stands in a start command; -1: what it starts is not known. */
export const serverAt = (command: readonly string[]): number => command.findIndex((word) => SERVER.test(word));

/** Whether we know what the words in front of redis-server do. */
export const isKnownWrapper = (program = ''): boolean => WHOM.has(basename(program)) || HOW.has(basename(program));

/** Whether a command leaves it to us as whom it runs. A script may change that itself. */
export function leavesUserToUs(command: readonly string[]): boolean {
  const before = command.slice(0, Math.max(0, serverAt(command)));
  if (serverAt(command) < 0 || before.some((word) => WHOM.has(basename(word)))) return false;
  return before.length === 0 || HOW.has(basename(before[0] ?? ''));
}

/** The owner of data, with the groups that the machine knows that user to be in. */
export async function withGroups({ uid, gid }: Pick<UserIds, 'uid' | 'gid'>): Promise<UserIds> {
  const said = (await outputOf('id', '-G', `${uid}`)) ?? ''; // a number without a name is in no group
  const groups = said.split(/\s+/).filter(Boolean).map(Number);
  return { uid, gid, groups: groups.filter((group) => group !== gid) };
}

/** How root runs a command as that user. */
export async function becoming({ uid, gid, groups }: UserIds): Promise<Becoming> {
  if (groups.length === 0) return { uid, gid, through: [], lacksGroups: [] };
  // Node drops them: where a key file is readable by such a group only, Redis would be refused what it may read.
  const isThere = /util-linux/.test((await outputOf('setpriv', '--version')) ?? '');
  if (!isThere) return { uid, gid, through: [], lacksGroups: groups };
  return {
    uid,
    gid,
    through: ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, `--groups=${groups.join(',')}`, '--'],
    lacksGroups: [],
  };
}

/** Adds as whom it runs now, where that is somebody else. */
export async function besideNow(user: StartUser, pid: number | undefined): Promise<StartUser> {
  const running = pid === undefined ? undefined : await userOfProcess(pid);
  const now = running && (await userName(running.uid));
  return now !== undefined && user.user !== undefined && now !== user.user ? { ...user, now } : user;
}

export const mayNotBecome = (uid: number): RecoveryError =>
  new RecoveryError(
    'START_FAILED',
    `the data of Redis belongs to user ${uid}, and the worker, user ${process.getuid?.()}, cannot start it as that`,
    { next: 'Run the worker on that host as the user that Redis runs as, or as root.' },
  );
