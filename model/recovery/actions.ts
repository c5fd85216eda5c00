/**
 * What a recovery may do to a Redis, in the order of the list of the assessment. All but the asked ones are automatic.
 *
 * await-load         it is loading: wait
 * network-snapshot   it lives and is to be restarted: take an RDB over the network first, 10 s at most
 * detach-replicas    replicas with data stop following, before an empty primary can wipe them
 * promote-replica    a replica with data takes over, and clients are to be pointed at it
 * start-beside       nothing by itself: allows what follows where a former replica is a primary by now
 * set-aside          damaged files are moved out of the way, and kept
 * rebuild-manifest   the manifest of the append-only directory is made again from its files
 * put-back-data      what an operation that did not end has moved away returns to its place
 * mend-log           the end of the log, which cannot be read, is cut off on a copy, and Redis started with that
 * restart            stop if it runs, start
 * start-empty        start with what was set aside missing
 * make-primary       REPLICAOF NO ONE
 * kill-script        SCRIPT KILL or FUNCTION KILL
 */
export type Action =
  | 'await-load'
  | 'network-snapshot'
  | 'detach-replicas'
  | 'promote-replica'
  | 'start-beside'
  | 'set-aside'
  | 'rebuild-manifest'
  | 'put-back-data'
  | 'mend-log'
  | 'restart'
  | 'start-empty'
  | 'make-primary'
  | 'kill-script';

export interface PlannedAction {
  action: Action;
  /** One sentence, as a person would say it: what is done and why. */
  text: string;
  /** What the last start failed of is mended: a restart is not the same one again. */
  afterMending?: true;
  /** Absent: done by itself. */
  ask?: {
    /** What is asked, as a question. */
    question: string;
    /** What is done when nobody answers in time: go on without this act, do it all the same, or end here (`stop`). */
    otherwise: 'skip' | 'proceed' | 'stop';
  };
}
