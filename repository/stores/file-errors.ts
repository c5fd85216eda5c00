import { type ErrorCode, messageOf, RecoveryError } from '../../model/errors.ts';
import { errnoOf } from './file-system.ts';

const CODES: Record<string, ErrorCode> = {
  ENOSPC: 'STORE_FULL',
  EDQUOT: 'STORE_FULL',
  EACCES: 'STORE_DENIED',
  EPERM: 'STORE_DENIED',
  EROFS: 'STORE_DENIED',
};

const NEXT: Partial<Record<ErrorCode, string>> = {
  STORE_FULL: 'Free some space there, or let retention delete old backups; the backup that failed left nothing behind.',
  STORE_UNREACHABLE: 'Look at the disk or the network mount of this directory; the operation may be repeated.',
};

/** Says in our words what node:fs threw. An error that isn't of the file system is returned as it is. */
export function fileError(error: unknown, root: string): unknown {
  const code = errnoOf(error);
  if (error instanceof RecoveryError || code === undefined || !('syscall' in (error as Error))) return error;
  const ours = CODES[code] ?? 'STORE_UNREACHABLE';
  return new RecoveryError(ours, `file://${root}: ${messageOf(error)}`, {
    next: ours === 'STORE_DENIED' ? denied(root) : (NEXT[ours] ?? ''),
    cause: error,
  });
}

/** A command that somebody types as root has left files there. */
const denied = (root: string): string =>
  `Give the user that runs the worker read and write permission on this directory and all that is in it: chown -R USER ${root}`;

export const rootMissing = (root: string): RecoveryError =>
  new RecoveryError('STORE_MISSING', `the directory ${root} does not exist`, {
    // Never made silently: a disk that isn't mounted would be hidden by backups on the disk below it.
    next: `Mount the disk that it is on, or make it: mkdir -p ${root}`,
  });

export const noHardLinks = (root: string, cause: unknown): RecoveryError =>
  new RecoveryError('STORE_UNFIT', `file://${root} is on a file system without hard links: ${messageOf(cause)}`, {
    next: 'Use one that has them (ext4, XFS, NFS), or set repository.conditionalPut: none, for snapshots only.',
    cause,
  });

export const objectMissing = (url: string, key: string): RecoveryError =>
  new RecoveryError('OBJECT_MISSING', `${url}/${key} does not exist`, {
    next: 'List what is there; it may have been deleted by retention or by hand.',
  });

export const objectExists = (url: string, key: string): RecoveryError =>
  new RecoveryError('OBJECT_EXISTS', `${url}/${key} exists already`, {
    next: 'Nothing was changed. Objects are never overwritten: take a new backup, it gets an id of its own.',
  });
