import { AT_ONCE } from '../../model/archive/destructive.ts';
import type { DestructiveCommand } from '../../model/archive/timeline.ts';
import type { LoggedCommand } from './logged-command.ts';

export interface DestructiveWatchOptions {
  /** So many keys of one database that are deleted, renamed or moved make a moment. Default 100. */
  keys?: number;
  /** … if they come within this time. Default 1000. */
  withinMs?: number;
}

/** What many of them within a second are called. A rename over another key takes that one; a script renames them all into one. */
const IN_A_ROW: ReadonlyMap<string, string> = new Map([
  ['DEL', 'mass delete'],
  ['UNLINK', 'mass delete'],
  ['RENAME', 'mass rename'],
  ['RENAMENX', 'mass rename'],
  ['MOVE', 'mass move'],
]);
/** They name nothing but keys. */
const OF_KEYS_ONLY: ReadonlySet<string> = new Set(['DEL', 'UNLINK']);

/**
 * Finds the commands that took away much at once, so that a restore to the moment before them needs no search.
 * Redis propagates expiry and eviction as DEL or UNLINK, too, each key alone, and nothing in the stream tells them from what
 * a person deleted: a hundred keys that expire within a second are a mass delete here.
 * Costs one look-up a command.
 */
export class DestructiveWatch {
  readonly #onFound: (found: DestructiveCommand) => void;
  readonly #keys: number;
  readonly #withinMs: number;
  /** By what they are called, and by database. */
  readonly #takings: Map<string, Taking> = new Map();
  /** Of those, which are many already. */
  readonly #runs: Set<Taking> = new Set();
  /** And of which more is known than was told. */
  readonly #grown: Set<Taking> = new Set();
  /** In a transaction that has not ended. */
  #waiting: { after: number }[] = [];
  #found: DestructiveCommand[] = [];

  constructor(onFound: (found: DestructiveCommand) => void, { keys = 100, withinMs = 1000 }: DestructiveWatchOptions = {}) {
    this.#onFound = onFound;
    this.#keys = keys;
    this.#withinMs = withinMs;
  }

  /**
   * @param atMs - when it came; never less than the time before
   * @param sinceMs - where it came late: it was written at any time since
   */
  see(command: LoggedCommand, atMs: number, sinceMs?: number): void {
    if (this.#runs.size > 0 && !command.inTransaction) this.#endRuns(atMs - this.#withinMs);
    if (AT_ONCE.has(command.name)) this.#takeAll(command, atMs, sinceMs);
    else this.#takeSome(command, atMs, sinceMs);
    if (this.#waiting.length > 0 && command.isBoundary) this.#boundary(command.end);
  }

  /**
   * Tells of each run that has grown since the last call, as far as it has come: also of one that goes on, because
   * nobody knows what its end will be seen by. To be called wherever what was found is kept; within a transaction it waits.
   */
  tellRuns(): void {
    if (this.#waiting.length > 0) return;
    for (const { kind, run, keys, after, db } of this.#grown)
      if (run) this.#onFound({ command: kind, before: run.before, after, ...timesOf(run), db, keys });
    this.#grown.clear();
  }

  #takeAll({ name, boundary: before, end: after, db, isBoundary }: LoggedCommand, atMs: number, sinceMs?: number): void {
    const found = { command: name, before, after, ...timesOf({ atMs, sinceMs }), db };
    if (isBoundary) this.#onFound(found);
    else {
      this.#waiting.push(found);
      this.#found.push(found);
    }
  }

  #takeSome(command: LoggedCommand, atMs: number, sinceMs?: number): void {
    const kind = IN_A_ROW.get(command.name);
    if (kind === undefined) return;
    const taking = this.#add(command, kind, { atMs, sinceMs });
    if (!command.isBoundary) this.#waiting.push(taking);
  }

  #add({ name, argCount, boundary, end, db }: LoggedCommand, kind: string, { atMs, sinceMs }: Came): Taking {
    const id = `${kind} ${db}`;
    const taking = this.#takings.get(id) ?? { kind, db, window: [], inWindow: 0, keys: 0, after: end };
    this.#takings.set(id, taking);
    const { window } = taking;
    while (window[0] !== undefined && window[0].atMs < atMs - this.#withinMs) taking.inWindow -= window.shift()?.keys ?? 0;
    const keys = OF_KEYS_ONLY.has(name) ? argCount - 1 : 1;
    const last = window.at(-1);
    if (last?.atMs === atMs) last.keys += keys;
    else window.push({ atMs, sinceMs, keys, before: boundary });
    taking.inWindow += keys;
    taking.after = end;
    if (taking.run) taking.keys += keys;
    else if (taking.inWindow >= this.#keys) this.#beginRun(taking);
    if (taking.run) this.#grown.add(taking);
    return taking;
  }

  #beginRun(taking: Taking): void {
    taking.run = taking.window[0];
    taking.keys = taking.inWindow;
    this.#runs.add(taking);
  }

  /** A run is over when too few have come since. */
  #endRuns(sinceMs: number): void {
    for (const taking of this.#runs) {
      const { window } = taking;
      while (window[0] !== undefined && window[0].atMs < sinceMs) taking.inWindow -= window.shift()?.keys ?? 0;
      if (taking.inWindow >= this.#keys) continue;
      this.#runs.delete(taking);
      this.#takings.delete(`${taking.kind} ${taking.db}`);
    }
  }

  #boundary(offset: number): void {
    for (const waiting of this.#waiting) waiting.after = offset;
    for (const found of this.#found) this.#onFound(found);
    this.#waiting = [];
    this.#found = [];
  }
}

interface Came {
  atMs: number;
  sinceMs?: number | undefined;
}

const timesOf = ({ atMs, sinceMs }: Came): { atMs: number; sinceMs?: number } =>
  sinceMs === undefined ? { atMs } : { atMs, sinceMs };

/** The commands of one kind in one database. */
interface Taking {
  /** `mass delete`. */
  kind: string;
  db: number;
  /** Those of late, together for each moment. */
  window: (Came & { keys: number; before: number })[];
  /** Keys in the window. */
  inWindow: number;
  /** Where it began, if there are many. */
  run?: Came & { before: number };
  /** Keys of the run. */
  keys: number;
  after: number;
}
