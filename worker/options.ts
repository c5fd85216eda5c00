import type { WorkerOptions } from '@temporalio/worker';

/** How often a beat really goes out: a step of a terminated operation learns of it this late, see SETTLE_MS of the lock. */
const HEARTBEAT_THROTTLE = '1 second';

/** What all our workers have in common (facts: Temporal's defaults are made for thousands of short activities). */
export const COMMON_OPTIONS = {
  maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
  defaultHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
  shutdownGraceTime: '5 seconds',
  shutdownForceTime: '20 seconds',
} as const satisfies Partial<WorkerOptions>;

export const WORKFLOW_OPTIONS = {
  maxCachedWorkflows: 50,
  // A worker killed with -9 keeps the next task of its workflows for this long (default 10 s).
  stickyQueueScheduleToStartTimeout: '2 seconds',
  showStackTraceSources: true,
} as const satisfies Partial<WorkerOptions>;

/** Activities at a time, by queue. Each transfer holds a few parts of an upload in memory. */
export const SLOTS = { ops: 20, transfer: 2, host: 4, spareArchives: 2 } as const;

/** Longer than `shutdownForceTime`: a worker of the SDK that has not ended by then does not end. */
export const REST_MS = 25_000;
