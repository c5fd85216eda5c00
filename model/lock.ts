/** What an operation is, as far as exclusion is concerned. */
export type OperationKind = 'backup' | 'merge' | 'restore' | 'recovery';

/** Who holds the lock of an instance. Stands in the memo of `lock/<instance>`, where the fence reads it. */
export interface LockHolder {
  workflowId: string;
  runId: string;
  kind: OperationKind;
  /** Which Redis of the instance it is about. Absent: all of them, or what excludes goes by the kind alone. */
  shard?: string;
}

/** The holder of a lock, as others see it. */
export interface HeldBy extends LockHolder {
  /** It has begun with what keeps Redis from serving, or came when Redis was down: nobody else brings it back meanwhile. */
  interrupts: boolean;
}

/** Why a lock cannot undo something, and what to do about it. */
export interface Blocked {
  because: string;
  next: string;
}

/** What is not as it was though all is undone, and its code: Redis refuses us by its own rules, or serves less than it had. */
export interface Remains extends Blocked {
  code: 'PUT_BACK' | 'OLD_DATA_MISSING';
}

/** What an undo step says that has done its work. */
export interface Undone {
  remains?: Remains;
}

const REMAINS: Record<Remains['code'], (instance: string, because: string) => string> = {
  PUT_BACK: (instance, because) =>
    `the old data of ${instance} is back and it runs with it, but does not let redis-backup in: ${because}`,
  OLD_DATA_MISSING: (instance, because) =>
    `its files are back as they were, but ${instance} does not serve what it had: ${because}`,
};

/** The end of an operation whose undoing says that. @param failed - why the operation itself has ended */
export const remainsText = (instance: string, { code, because }: Remains, failed: string): string =>
  `${failed.replace(/\.$/, '')}; ${REMAINS[code](instance, because)}`;

/** What somebody who wants a held lock does about it. */
export type Conflict = 'wait' | 'preempt' | 'refuse' | 'join';

const CONFLICTS: Record<OperationKind, Record<OperationKind, Conflict>> = {
  backup: { backup: 'wait', merge: 'wait', restore: 'wait', recovery: 'wait' },
  merge: { backup: 'preempt', merge: 'refuse', restore: 'refuse', recovery: 'refuse' },
  restore: { backup: 'preempt', merge: 'refuse', restore: 'refuse', recovery: 'refuse' },
  // A merge only adds keys to a Redis that serves: one that is down must not wait for it.
  recovery: { backup: 'preempt', merge: 'preempt', restore: 'wait', recovery: 'join' },
};

export const isOperationKind = (value: unknown): value is OperationKind =>
  typeof value === 'string' && Object.hasOwn(CONFLICTS, value);

type Holding = Pick<LockHolder, 'kind' | 'shard'>;

/** The table of docs/architecture.md. `preempt` cancels the holder and then waits. Who recovers another Redis is none to join. */
export function conflictOf(wanted: Holding, holder: Holding): Conflict {
  const conflict = CONFLICTS[wanted.kind][holder.kind];
  return conflict === 'join' && wanted.shard !== holder.shard ? 'wait' : conflict;
}

/** The entries to undo, newest first. */
export const entriesToUndo = <T extends { when: 'always' | 'unlessSucceeded' }>(entries: readonly T[], succeeded: boolean): T[] =>
  entries.filter((entry) => entry.when === 'always' || !succeeded).reverse();
