import type { DestructiveCommand } from '../../model/timeline.ts';
import type { LoggedCommand } from './logged-command.ts';

export interface DestructiveWatchOptions {
  /** So many keys named by DEL and UNLINK of one database make a mass delete. Default 1000. */
  keys?: number;
  /** … if they come within this time. Default 1000. */
  withinMs?: number;
}

const WATCHED: ReadonlySet<string> = new Set(['DEL', 'UNLINK', 'FLUSHALL', 'FLUSHDB', 'SWAPDB']);
const isDelete = (name: string): boolean => name === 'DEL' || name === 'UNLINK';

/**
 * Finds the commands that took away much at once, so that a restore to the moment before them needs no search.
 * Redis propagates expiry and eviction as DEL or UNLINK, too, each key alone, and nothing in the stream tells them from what
 * a person deleted: a thousand keys that expire within a second are a mass delete here. Where that is usual, raise `keys`.
 * Costs one look-up a command.
 */
export class DestructiveWatch {
  readonly #onFound: (found: DestructiveCommand) => void;
  readonly #keys: number;
  readonly #withinMs: number;
  readonly #deletes: Map<number, Deletes> = new Map();
  /** Of those, which are a mass delete already. */
  readonly #runs: Set<Deletes> = new Set();
  /** And of which more is known than was told. */
  readonly #grown: Set<Deletes> = new Set();
  /** In a transaction that has not ended. */
  #waiting: { after: number }[] = [];
  #found: DestructiveCommand[] = [];

  constructor(onFound: (found: DestructiveCommand) => void, { keys = 1000, withinMs = 1000 }: DestructiveWatchOptions = {}) {
    this.#onFound = onFound;
    this.#keys = keys;
    this.#withinMs = withinMs;
  }

  /** @param atMs - when it came; never less than the time before */
  see(command: LoggedCommand, atMs: number): void {
    if (this.#runs.size > 0 && !command.inTransaction) this.#endRuns(atMs - this.#withinMs);
    if (WATCHED.has(command.name)) this.#take(command, atMs);
    if (this.#waiting.length > 0 && command.isBoundary) this.#boundary(command.end);
  }

  /**
   * Tells of each mass delete that has grown since the last call, as far as it has come: also of one that goes on, because
   * nobody knows what its end will be seen by. To be called wherever what was found is kept; within a transaction it waits.
   */
  tellRuns(): void {
    if (this.#waiting.length > 0) return;
    for (const { run, keys, after, db } of this.#grown)
      if (run) this.#onFound({ command: 'mass delete', before: run.before, after, atMs: run.atMs, db, keys });
    this.#grown.clear();
  }

  #take(command: LoggedCommand, atMs: number): void {
    const { name, boundary: before, end: after, db, isBoundary } = command;
    if (isDelete(name)) {
      const deletes = this.#delete(command, atMs);
      if (!isBoundary) this.#waiting.push(deletes);
      return;
    }
    const found = { command: name, before, after, atMs, db };
    if (isBoundary) this.#onFound(found);
    else {
      this.#waiting.push(found);
      this.#found.push(found);
    }
  }

  #delete({ argCount, boundary, end, db }: LoggedCommand, atMs: number): Deletes {
    let deletes = this.#deletes.get(db);
    if (deletes === undefined) {
      deletes = { db, window: [], inWindow: 0, keys: 0, after: end };
      this.#deletes.set(db, deletes);
    }
    const { window } = deletes;
    while (window[0] !== undefined && window[0].atMs < atMs - this.#withinMs) deletes.inWindow -= window.shift()?.keys ?? 0;
    const keys = argCount - 1;
    const last = window.at(-1);
    if (last?.atMs === atMs) last.keys += keys;
    else window.push({ atMs, keys, before: boundary });
    deletes.inWindow += keys;
    deletes.after = end;
    if (deletes.run) deletes.keys += keys;
    else if (deletes.inWindow >= this.#keys) this.#beginRun(deletes);
    if (deletes.run) this.#grown.add(deletes);
    return deletes;
  }

  #beginRun(deletes: Deletes): void {
    deletes.run = deletes.window[0];
    deletes.keys = deletes.inWindow;
    this.#runs.add(deletes);
  }

  /** A run is over when too few have come since. */
  #endRuns(sinceMs: number): void {
    for (const deletes of this.#runs) {
      const { window } = deletes;
      while (window[0] !== undefined && window[0].atMs < sinceMs) deletes.inWindow -= window.shift()?.keys ?? 0;
      if (deletes.inWindow >= this.#keys) continue;
      this.#runs.delete(deletes);
      this.#deletes.delete(deletes.db);
    }
  }

  #boundary(offset: number): void {
    for (const waiting of this.#waiting) waiting.after = offset;
    for (const found of this.#found) this.#onFound(found);
    this.#waiting = [];
    this.#found = [];
  }
}

/** The deletes of one database. */
interface Deletes {
  db: number;
  /** Those of late, together for each moment. */
  window: { atMs: number; keys: number; before: number }[];
  /** Keys in the window. */
  inWindow: number;
  /** Where it began, if it is a mass delete. */
  run?: { atMs: number; before: number };
  /** Keys of the run. */
  keys: number;
  after: number;
}
