import type { ActivityOptions } from '@temporalio/workflow';
import { QUEUES } from '../../model/operations.ts';

/**
 * How activities of one kind are tried. Bound by time and never by attempts: a deploy, a pause and a drained node each use
 * up an attempt. Every activity beats once a second (worker/interceptors.ts), so a dead worker is seen in `heartbeatTimeout`.
 */
export const PRESETS = {
  /** One question or one small write. */
  quick: {
    taskQueue: QUEUES.ops,
    startToCloseTimeout: '30 seconds',
    scheduleToCloseTimeout: '5 minutes',
    heartbeatTimeout: '5 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '15 seconds' },
  },
  /** What a recovery begins with: it is there when a worker is, whenever that is. */
  patient: {
    taskQueue: QUEUES.ops,
    startToCloseTimeout: '30 seconds',
    heartbeatTimeout: '5 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '15 seconds' },
  },
  /** A look that a recovery waits for: it ends in time, with or without an answer. */
  healthCheck: {
    taskQueue: QUEUES.ops,
    scheduleToStartTimeout: '3 seconds',
    startToCloseTimeout: '10 seconds',
    scheduleToCloseTimeout: '20 seconds',
    heartbeatTimeout: '5 seconds',
    retry: {
      initialInterval: '200 milliseconds',
      backoffCoefficient: 2,
      maximumAttempts: 3,
      nonRetryableErrorTypes: ['NotFoundError'],
    },
  },
  /** Moves a whole data set, and only reads from Redis. */
  transfer: {
    taskQueue: QUEUES.transfer,
    startToCloseTimeout: '4 hours',
    scheduleToCloseTimeout: '5 hours',
    heartbeatTimeout: '10 seconds',
    cancellationType: 'TRY_CANCEL', // a dead worker can't hold up a cancel; the lock waits until it has come to rest
    retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '1 minute' },
  },
  /** Changes something on the machine of a Redis, or waits there for it. */
  place: {
    scheduleToStartTimeout: '60 seconds',
    startToCloseTimeout: '4 hours',
    scheduleToCloseTimeout: '5 hours',
    heartbeatTimeout: '5 seconds',
    retry: {
      initialInterval: '1 second',
      backoffCoefficient: 2,
      maximumInterval: '15 seconds',
      nonRetryableErrorTypes: ['NotFoundError'], // an older worker polls there and does not know the step
    },
  },
  /**
   * Loads a copy beside a Redis that serves. A copy that does not start, and a Redis that has gone away meanwhile, are not tried
   * for hours with the lock held: a recovery may wait for it. Started again it keeps what is there.
   */
  copy: {
    scheduleToStartTimeout: '60 seconds',
    startToCloseTimeout: '4 hours',
    scheduleToCloseTimeout: '5 hours',
    heartbeatTimeout: '5 seconds',
    retry: {
      initialInterval: '1 second',
      backoffCoefficient: 2,
      maximumInterval: '15 seconds',
      nonRetryableErrorTypes: ['NotFoundError', 'START_FAILED', 'REDIS_UNREACHABLE', 'REDIS_NOT_READY'],
    },
  },
  /**
   * An act of a recovery, or the wait for what it brings. What Redis has failed at is not simply tried again: a second start
   * can destroy what a first has left, so it is assessed anew, and a person is asked before kill -9.
   */
  recovery: {
    scheduleToStartTimeout: '60 seconds',
    startToCloseTimeout: '4 hours',
    scheduleToCloseTimeout: '5 hours',
    heartbeatTimeout: '5 seconds',
    retry: {
      initialInterval: '200 milliseconds', // behind the death of a worker, too, while Redis is down
      backoffCoefficient: 2,
      maximumInterval: '5 seconds',
      nonRetryableErrorTypes: ['NotFoundError', 'START_FAILED', 'STOP_FAILED', 'LOG_MALFORMED', 'TARGET_DISK_FULL'],
    },
  },
  /**
   * Stays at one Redis for an hour, and goes on elsewhere when its worker dies. No limit of attempts or of time: for ever.
   * Attempts count for as long as the step lives, so a long last interval would be paid by the tenth harmless restart of the
   * hour, and the backlog of Redis be overrun in it. The server may hand an attempt to a poll of the dead worker, and has then to time
   * that out, too.
   */
  archive: {
    taskQueue: QUEUES.archive,
    startToCloseTimeout: '2 hours',
    heartbeatTimeout: '5 seconds',
    cancellationType: 'WAIT_CANCELLATION_COMPLETED', // whoever detaches it must find it gone
    retry: { initialInterval: '1 second', backoffCoefficient: 1 },
  },
  /** Looks at a Redis for as long as its data is large. */
  observe: {
    taskQueue: QUEUES.ops,
    startToCloseTimeout: '15 minutes',
    scheduleToCloseTimeout: '30 minutes',
    heartbeatTimeout: '5 seconds',
    cancellationType: 'TRY_CANCEL',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '15 seconds' },
  },
  /** Watches a Redis for a time that the configuration sets, a day at most. A retry goes on: the end is counted from its input. */
  watch: {
    taskQueue: QUEUES.ops,
    startToCloseTimeout: '25 hours',
    heartbeatTimeout: '5 seconds',
    cancellationType: 'TRY_CANCEL',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '15 seconds' },
  },
  /** Remembers how it is now. Nothing depends on it: what does not work soon is left out. */
  remember: {
    taskQueue: QUEUES.ops,
    startToCloseTimeout: '61 minutes', // the longest window
    scheduleToCloseTimeout: '62 minutes',
    heartbeatTimeout: '5 seconds',
    cancellationType: 'TRY_CANCEL',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumAttempts: 2 },
  },
  /** Stays like an archiver, and only looks: whoever ends it needs not wait until it has let go. */
  guard: {
    taskQueue: QUEUES.archive,
    startToCloseTimeout: '2 hours',
    heartbeatTimeout: '5 seconds',
    cancellationType: 'TRY_CANCEL',
    retry: { initialInterval: '1 second', backoffCoefficient: 1 },
  },
  /** Puts something back. The lock asks again for as long as it takes. */
  undo: {
    taskQueue: QUEUES.ops,
    startToCloseTimeout: '1 hour',
    scheduleToCloseTimeout: '15 minutes',
    heartbeatTimeout: '5 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '15 seconds' },
  },
} as const satisfies Record<string, ActivityOptions>;
