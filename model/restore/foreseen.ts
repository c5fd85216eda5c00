import { ERRORS, type ErrorCode, RecoveryError } from '../errors.ts';
import type { Refusal } from './plan/types.ts';

/** What is asked for at a bad moment, and may be refused then. */
export type ForeseenOperation =
  | 'restores'
  | 'live restores'
  | 'restores of some data classes'
  | 'rehearsals of restores to a moment'
  | 'backups by bgsave'
  | 'clones on this machine';

/** What would be refused whenever it is asked for, as things stand. */
export interface Foreseen {
  operation: ForeseenOperation;
  refusals: Refusal[];
  /** What would be lost by it, though it is not refused. */
  losses?: string[];
  /** The backup that it was planned with. Absent: there is none, and only what needs none was looked at. */
  backupId?: string;
  /** Why it could not be looked at, or not all of it. */
  unknown?: string;
}

/** What was looked at, or why it would be refused, or why that is not known. */
export type Told<T> = { facts: T } | Pick<Foreseen, 'refusals' | 'unknown'>;

/** What a plan refuses for what Redis, and the store, hold at that moment. */
const OF_THAT_MOMENT: readonly ErrorCode[] = ['RESTORE_LOSS', 'BACKUP_NONE', 'LOCKED'];

export const isStanding = ({ code }: Pick<Refusal, 'code'>): boolean => !OF_THAT_MOMENT.includes(code);

/** What somebody threw who looked: a refusal, unless it passes by itself. Anything but a refusal is a fault of ours. */
export function toldOf(error: unknown): Pick<Foreseen, 'refusals' | 'unknown'> {
  if (!(error instanceof RecoveryError)) throw error;
  const { code, message, next } = error;
  const isOfStore = code.startsWith('STORE_'); // which other checks are of
  if (ERRORS[code].retryable || isOfStore || !isStanding(error)) return { refusals: [], unknown: message };
  return { refusals: [{ code, message, next }] };
}
