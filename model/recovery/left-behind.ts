import { formatBytes, formatCount, formatDuration } from '../format.ts';

/** What an operation keeps beside the data of a Redis, by its own journal. */
export interface LeftBehind {
  operationId: string;
  /** Of its journal. `downloading`: it has moved nothing. `damaged`: its journal cannot be read. */
  phase: 'downloading' | 'aside' | 'replacing' | 'replaced' | 'done' | 'set-aside' | 'putting-back' | 'put-back' | 'damaged';
  /** When it last noted how far it is. ISO 8601. */
  at: string;
  directory: string;
  bytes: number;
  /** Of these, the data that was there before. */
  asideBytes: number;
  /** Keys in the RDB of that data, as far as they could be counted cheaply. */
  asideKeys?: number;
  /**
   * It is neither over nor put back: the data that was there before belongs where it was. Not where Redis has written to the
   * new data since: then that is the data.
   */
  unfinished: boolean;
  /** Redis runs on the data that it has put in place, or did, and has written to it. */
  inUse?: true;
  /** Who is doing it now: the process of a `restore --direct`, or the operation that holds the lock. */
  owner?: string;
}

export const unfinishedOf = (left: readonly LeftBehind[] | undefined): LeftBehind[] =>
  (left ?? []).filter(({ unfinished, owner }) => unfinished && owner === undefined);

export const ownedOf = (left: readonly LeftBehind[] | undefined): LeftBehind | undefined =>
  left?.find(({ owner }) => owner !== undefined);

/** One sentence on an operation that did not end. */
export function unfinishedText({ operationId, at, asideBytes, asideKeys, directory }: LeftBehind, nowMs: number): string {
  const age = formatDuration(Math.max(0, nowMs - Date.parse(at)));
  const keys = asideKeys === undefined ? '' : `, ${formatCount(asideKeys)} keys in its RDB`;
  return `Operation ${operationId} was cut off ${age} ago, and has moved the data away: ${formatBytes(asideBytes)}${keys}, in ${directory}/aside.`;
}
