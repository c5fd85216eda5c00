import { ERRORS, type ErrorCode, messageOf, RecoveryError } from '../../model/errors.ts';

/** What a running operation is doing now. Plain JSON: with --json it is a line of its own. */
export interface ShownStatus {
  workflowId: string;
  /** The phase that the workflow names, such as `snapshot`. */
  phase?: string;
  /** The activity that runs, such as `storeSnapshot`. */
  step?: string;
  /** What it is at, in its own words. */
  stage?: string;
  doneBytes?: number;
  totalBytes?: number;
  /** The total is taken from the last backup. */
  estimated?: boolean;
  storedBytes?: number;
  bytesPerSecond?: number;
  etaSeconds?: number;
  /** Of the continuous log: age of the oldest write that is not stored. */
  rpoSeconds?: number;
  note?: string;
  /** No worker takes what is next, which `note` says. */
  waits?: boolean;
  /** Workers are there, and its decision fails in each of them, as `note` says; what was begun before goes on. */
  cannotGoOn?: boolean;
  /** From 2 on: the step is being tried again, and this is why. */
  attempt?: number;
  problem?: string;
  /** It waits for a person who answers this. */
  question?: string;
  /** A lock that it waits for cannot put back what another operation, or this one, has changed. */
  blocked?: { because: string; next: string; by: string };
}

/** How a command speaks. Text and JSON implement it; a command never asks which one it has. */
export interface Output {
  /** What is going on; may be called often, shows at most one a second. */
  status(status: ShownStatus): void;
  /** A page that changes: redrawn in its place on a terminal, else its new notes alone. Called once a second at most. */
  page(page: { text: string; notes: readonly string[]; json: object }): void;
  /** One sentence that is neither progress nor the result. */
  note(message: string): void;
  /** Exactly once, last, on stdout. @param text - the same for people */
  result(result: object, text: string): void;
  /** On stderr. Returns the exit code. */
  failure(error: unknown): number;
}

/** Where output goes. */
export interface Streams {
  stdout: { write(text: string): unknown };
  stderr: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
}

export interface Failure {
  code: ErrorCode;
  message: string;
  next: string;
  exit: number;
}

/** What a person gets to see of anything that was thrown. Only our own errors are known to hold no secret and a next step. */
export function failureOf(error: unknown): Failure {
  if (error instanceof RecoveryError) {
    return { code: error.code, message: error.message, next: error.next, exit: ERRORS[error.code].exit };
  }
  return {
    code: 'INTERNAL',
    message: `unexpected: ${messageOf(error)}`,
    next: 'This is a fault in redis-backup: run it again with REDIS_BACKUP_DEBUG=1 and report it with what it prints.',
    exit: ERRORS.INTERNAL.exit,
  };
}
