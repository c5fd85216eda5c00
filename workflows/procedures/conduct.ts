import type { Activities } from '../../activities/index.ts';
import type { ApprovablePlan } from '../../activities/plan-restore.ts';
import type { UndoEntry } from '../../model/lock.ts';
import type { Phase, RestoreInput } from '../../model/operations.ts';

export type StepName = keyof Activities;
export type StepInput<K extends StepName> = Parameters<Activities[K]>[0];
export type StepResult<K extends StepName> = Awaited<ReturnType<Activities[K]>>;

/** How one step is run. */
export interface StepOptions {
  /** What a person reads in the Web UI. */
  summary: string;
  /** The queue of the machine that it is bound to. Absent: any worker. */
  place?: string;
  /** This instance must answer: one that has gone away is asked for a moment, and then the step has failed. */
  serving?: string;
}

/**
 * How a procedure is carried out: durably, by a workflow (workflows/steps.ts), or in one process when Temporal itself is
 * down (worker/direct.ts). A procedure says what is done and in which order, and knows neither.
 */
export interface Conduct {
  /** Runs one activity. A destructive one never begins once the operation has been cancelled, and is rather finished than cut off once begun. */
  act<K extends StepName>(step: K, input: StepInput<K>, how: StepOptions): Promise<StepResult<K>>;
  /** Writes down how to undo what comes next. */
  undoLater(entry: UndoEntry): Promise<void>;
  /** Says which step is running now, for the people who watch. */
  enter(phase: Phase): void;
}

/** Asks a person whether what was restored stays. `undefined`: nobody has answered in time. */
export type AskedPerson = (text: string, limitMs: number) => Promise<{ by: string; keep: boolean } | undefined>;

export interface RestoreConduct extends Conduct {
  /** Absent: there is nobody to be asked, and what serves stays. */
  ask?: AskedPerson;
}

/** While there is no lock yet, and so no undo list: planning changes no instance. */
export interface PlanConduct extends Conduct {
  /** Has a step done when the operation has ended, however that was: planning leaves files of its own. */
  afterwards<K extends StepName>(step: K, input: StepInput<K>, how: StepOptions): void;
}

/** Where a restore works: found out before the lock, because looking changes nothing. */
export interface PlannedRestore extends ApprovablePlan {
  input: RestoreInput;
  place: string;
}
