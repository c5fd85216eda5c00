import type { Bounds } from '../../backup/expiry-timeline.ts';
import type { ClassLoss } from '../class-loss.ts';

/** How a live restore works, and what clients feel. */
export interface PlannedLive {
  /** `swapdb`: the old data is read until the new is complete. `disk`: reads answer LOADING while it is loaded. */
  load: 'swapdb' | 'disk';
  /** From REPLICAOF to promotion: about so long every write gets READONLY. */
  writesRefusedSeconds: number;
  workerAddress: string;
  runId: string;
}

/**
 * How the column "after this restore" is known. `rehearsed`: counted after backup and log had been tried. `expiry`: there is no
 * log, and the times to live of the backup tell. `estimate`: there is a log, and nobody tried it.
 */
export type Knowledge = 'rehearsed' | 'expiry' | 'estimate';

/** What stands in Redis after a restore, beside what is in the backup and what stands there now. */
export interface PlannedOutcome {
  known: Knowledge;
  /** With `estimate`: why it was not tried. */
  why?: string;
  /** Milliseconds since 1970, by the clock of the target: `afterRestore` is what is alive then. */
  atMs: number;
  all: OutcomeRow;
  classes: OutcomeClass[];
  databases: OutcomeRow[];
}

export interface OutcomeRow {
  name: string;
  inBackup: number;
  /** Absent: it could not be counted. */
  inRedisNow?: number;
  /** Absent: it cannot be told. */
  afterRestore?: Bounds;
}

export interface OutcomeClass extends OutcomeRow, Pick<ClassLoss, 'expiry' | 'sensitive' | 'whenLost'> {
  /** Of the keys that Redis has now, those that are not there afterwards. Absent where either is not known. */
  lost?: Bounds;
}

/**
 * Why somebody has to consent. `nothing`: Redis would end empty. `untold`: the log takes much away, and was not tried.
 * `unforeseen`: what comes out is only seen when it is there. `now`, `backup`: less than half of what Redis holds now, of what the backup holds; `log`: of what stood
 * there before the log took it away; with a name, of that class.
 */
export type LossKind = 'nothing' | 'untold' | 'unforeseen' | Against | `${Against} of ${string}`;
type Against = 'now' | 'backup' | 'log';

/** A restore after which much less is there than before, or than in its backup. */
export interface PlannedLoss {
  kinds: LossKind[];
  /** The same as long as the loss is of the same kind, by the same moments. */
  digest: string;
  /** What `--accept-loss` takes: that digest, and how many keys it costs. */
  token: string;
  accepted: boolean;
  /** What a person types at the question, who means it. */
  phrase: string;
}

export type Consent = Pick<PlannedLoss, 'digest' | 'token' | 'accepted'>;
