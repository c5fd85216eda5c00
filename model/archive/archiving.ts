/** Input of `archiveContinuously`. */
export interface ArchiveInput {
  instance: string;
  /** Which of its Redis. Absent: the only one. */
  shard?: string;
  /** Carried over when the workflow continues as new; never typed by a person. */
  detachedBy?: string[];
  /** As `detachedBy`. */
  rpo?: Rpo;
}

/** What a disaster would have cost, when something was last known about it. */
export interface Rpo {
  /** How old the oldest write was that was not stored; 0 when all was. */
  seconds: number;
  /** When the last stored byte came, ISO 8601. */
  storedUpTo: string;
  /** Commands that have come since it follows and that no replay executes, each with what it is: restores stop before them. */
  foreign?: string[];
  /** Since when nothing has been heard from Redis, not even its pings, ISO 8601. Absent: the line is alive. */
  silentSince?: string;
  /** What the store had lost of the log: what came behind it is restored from the new base that was taken. */
  hole?: string;
  /**
   * When this was so, ISO 8601. Not older than about a minute while it follows and anything changes, and at once when it falls
   * silent.
   */
  asOf: string;
}

/** What one stay of the archiver at a Redis ended with. */
export interface FollowResult {
  /** `hour`: it is begun anew from time to time. `draining`: this worker is shutting down, another one goes on. */
  ended: 'hour' | 'draining' | 'detached';
  timelineId?: string;
  /** Everything up to here is stored. */
  storedOffset?: number;
  /** When the last stored byte came, ISO 8601. */
  storedUpTo?: string;
}

/** Query `status` of `archiveContinuously`. What happens this second is in the heartbeat of `followStream`. */
export interface ArchiveStatus {
  instance: string;
  phase: 'follow' | 'detached' | 'trouble';
  /** Who asked it to let go of Redis; several with commas between them. */
  detachedBy?: string;
  /** Why it does not follow at the moment. */
  trouble?: string;
  /** Told once a minute while it changes. Absent until it has followed for the first time. */
  rpo?: Rpo;
  /** What the last stay ended with. */
  last?: FollowResult;
}
