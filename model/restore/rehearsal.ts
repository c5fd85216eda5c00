import type { RdbFacts } from '../backup/manifest.ts';

/** What came out when base and log were loaded into a throw-away Redis, before anything was touched. Plain JSON. */
export interface Rehearsal {
  done: true;
  server: { product: 'redis' | 'valkey'; version: string; sameAsTarget: boolean };
  /** By the clock of the target, milliseconds since 1970: all counts are of keys alive at this moment. */
  countedAtMs: number;
  keys: number;
  /** All classes, `other` last, over all databases. */
  classes: ClassKeys[];
  databases: DatabaseKeys[];
  functions: number;
  /** Destructive moments in the replayed range, oldest first: the 20 that took most. `moreMoments`: those that took less, or were not counted. */
  moments: RehearsedMoment[];
  moreMoments: number;
  /** The data that came out as one RDB, kept on the machine of the rehearsal for the restore that follows. Absent when the target could not load it. */
  result?: { rdb: RdbFacts; sha256: string };
}

/** A command of the log that took many keys at once, and what it took. */
export interface RehearsedMoment {
  command: string;
  /** With `place` nobody knows: before this time. */
  atMs: number;
  /** It came late to the archive: it passed at any time since. */
  sinceMs?: number;
  db: number;
  /** `<timeline>@<offset>`: what `--until` takes to have it undone. Absent with `place`. */
  until?: string;
  /** In a copy of a server's own log: the file, and how many bytes of it lie before the command. */
  place?: { file: string; bytes: number };
  keysBefore: number;
  /** Of `keysBefore`, those that it left. */
  keysAfter: number;
  /** The rest of `keysBefore`, by class. */
  took: ClassKeys[];
  /** Keys that came in their place, where they lay. Absent: none. */
  wrote?: number;
}

export interface ClassKeys {
  name: string;
  keys: number;
}

export interface DatabaseKeys {
  db: number;
  keys: number;
  /** All classes, `other` last. */
  classes: ClassKeys[];
}

export type RehearsalOutcome = Rehearsal | { done: false; why: string };

/** The one RDB that is loaded in place of backup and log. */
export const rehearsedResult = ({ rehearsal }: { rehearsal?: RehearsalOutcome }): Rehearsal['result'] =>
  rehearsal?.done ? rehearsal.result : undefined;

/** Does Redis itself execute the log? */
export const loadsLog = (plan: { log?: object; rehearsal?: RehearsalOutcome }): boolean =>
  plan.log !== undefined && rehearsedResult(plan) === undefined;
