import { defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Blocked, LockHolder } from '../../model/lock.ts';
import type { UndoEntry } from './undo-procedures.ts';

/** To the lock: the holder is about to change something. */
export const undoSignal = defineSignal<[UndoEntry]>('undo');

/** To the lock: the holder is done. */
export const releaseSignal = defineSignal<[{ succeeded: boolean }]>('release');

/** To the lock: somebody else wants it, or believes that its holder is gone. */
export const wantedSignal = defineSignal<[LockHolder]>('wanted');

/** From the lock to whoever wants it. */
export interface LockReport {
  free: boolean;
  holder: LockHolder;
  /** The holder keeps Redis from serving, on purpose, or came when it was down. */
  interrupts: boolean;
  /** The holder is done or gone, only the undoing is left: worth waiting for, whatever is wanted. */
  ending: boolean;
  /** What the lock is doing: `held`, `undoing`, `needs a person`. */
  phase: string;
  /** With `needs a person`. */
  blocked?: Blocked;
}
export const lockReportSignal = defineSignal<[LockReport]>('lockReport');

/** To the holder, only to learn whether that very run still exists: a Reset or a lost run is seen in no other way. */
export const pingSignal = defineSignal('ping');

/** A person has put right by hand what could not be undone: the lock goes on with the rest of its list. */
export const resolveUpdate = defineUpdate<string, [{ by: string; note: string }]>('resolve');
