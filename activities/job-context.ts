import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * What an activity knows of the job that it runs in. Under Temporal worker/interceptors.ts provides it and beats once a
 * second with the last progress; `restore --direct` provides it without Temporal.
 */
export interface JobContext {
  /** Aborted on cancellation, time-out and shutdown: stop, leave a state that can be resumed, rethrow. */
  readonly signal: AbortSignal;
  /** What people see: plain JSON without secrets. Cheap: it is sent once a second at most. */
  progress(details: Progress): void;
  /** Names the operation in directories and pins: the same for all its activities and their retries. */
  readonly operationId: string;
  /** From 1. What an attempt before this one has done, and how far it came, is not known. */
  readonly attempt: number;
}

/** The last heartbeat of a step, as the command and the Web UI show it. */
export interface Progress {
  stage: string;
  doneBytes?: number;
  /** Known or, when `estimated`, taken from the last backup. */
  totalBytes?: number;
  estimated?: boolean;
  storedBytes?: number;
  bytesPerSecond?: number;
  etaSeconds?: number;
  /** Age of the oldest write that is not stored yet: what would be lost now. */
  rpoSeconds?: number;
  /** Parts of the continuous log that the store has lost, as far as its archiver has found. */
  holes?: number;
  note?: string;
}

const storage = new AsyncLocalStorage<JobContext>();

export const runAsJob = <T>(job: JobContext, body: () => Promise<T>): Promise<T> => storage.run(job, body);

export function currentJob(): JobContext {
  const job = storage.getStore();
  if (!job) throw new Error('an activity was called outside of a job');
  return job;
}

/** Turns counts of bytes into progress with a rate and, when the total is known, the time that is left. */
export function byteProgress(stage: string, nowMs: () => number, total?: { bytes: number; estimated: boolean }) {
  const { progress } = currentJob();
  const began = nowMs();
  return (doneBytes: number, storedBytes?: number): void => {
    const seconds = Math.max(0.001, (nowMs() - began) / 1000);
    const bytesPerSecond = Math.round(doneBytes / seconds);
    const left = total && bytesPerSecond > 0 ? Math.max(0, (total.bytes - doneBytes) / bytesPerSecond) : undefined;
    progress({
      stage,
      doneBytes,
      bytesPerSecond,
      ...(total ? { totalBytes: total.bytes, estimated: total.estimated } : {}),
      ...(storedBytes === undefined ? {} : { storedBytes }),
      ...(left === undefined ? {} : { etaSeconds: Math.round(left) }),
    });
  };
}
