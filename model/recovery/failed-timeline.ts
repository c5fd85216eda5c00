import { type ArchiveExtent, logPositionsOf } from '../archive/chain.ts';
import type { Cut } from '../archive/cut.ts';
import { FAILURE_CLASSES, type FailureClass } from './failure-classes.ts';

/** The Redis that serves now: after a recovery often another process than the one that failed. */
export interface ServingProcess {
  runId: string;
  /** Milliseconds since 1970, by the worker's clock. */
  startedAtMs: number;
}

/** What is known of the failure. Of an Assessment. */
export interface KnownFailure {
  failure: FailureClass;
  /** When it was assessed, and since when clients feel it. ISO 8601. */
  at: string;
  since?: string;
  server?: { runId: string };
}

/** A supervisor is quicker than whoever notices: the process may be a little older than the failure as we know it. */
const NOTICED_WITHIN_MS = 10 * 60_000;
/** The same where nobody knows since when clients felt it. */
const ASSESSED_WITHIN_MS = 6 * 3600_000;

/**
 * Whether the process that serves now came after the failure. Then its data, its backups and its part of the log say nothing
 * of what was there before; else they are the newest that is known.
 */
export function cameAfter(failure: KnownFailure, { runId, startedAtMs }: ServingProcess): boolean {
  if (failure.server && failure.server.runId !== runId) return true;
  const row = FAILURE_CLASSES[failure.failure];
  if (row.process === 'restarted') return true;
  if (failure.server && row.process === 'lives') return false;
  const earliest =
    failure.since === undefined ? Date.parse(failure.at) - ASSESSED_WITHIN_MS : Date.parse(failure.since) - NOTICED_WITHIN_MS;
  return startedAtMs >= earliest;
}

/**
 * Where the log of the failed Redis ends: `latest` of the archive is the wrong one as soon as the archiver follows the new
 * process, which may have come up empty. Left out are timelines of that process, and in a crash loop those of all that were
 * opened since the failure.
 */
export function endOfFailed(extents: readonly ArchiveExtent[], failure: KnownFailure, serving: ServingProcess): Cut | undefined {
  const after = cameAfter(failure, serving);
  const sinceMs = failure.since === undefined ? Number.POSITIVE_INFINITY : Date.parse(failure.since);
  const last = logPositionsOf(extents).findLast(
    ({ timeline, boundary }) =>
      boundary && !(after && (timeline.server.runId === serving.runId || Date.parse(timeline.startedAt) >= sinceMs)),
  );
  return last?.boundary && { timelineId: last.timeline.timelineId, ...last.boundary };
}
