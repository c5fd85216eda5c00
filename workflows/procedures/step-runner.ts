import type { ApprovablePlan } from '../../activities/restore/plan.ts';
import type { Phase, RestoreInput } from '../../model/operations.ts';
import type { Beside, Placement } from '../../model/placement.ts';
import type { UndoEntry } from '../lock/undo-procedures.ts';
import type { How, RunStep, StepInput, StepName } from '../steps/step-table.ts';

/**
 * How a procedure is carried out: durably, by a workflow (workflows/steps/run-step.ts), or in one process when Temporal itself is
 * down (worker/direct.ts). A procedure says what is done and in which order, and knows neither.
 */
export interface StepRunner {
  /** Runs one activity. A destructive one never begins once the operation has been cancelled, and is rather finished than cut off once begun. */
  runStep: RunStep;
  /** Nobody is in the data directory any more when it returns: only then may a Redis be started. */
  close(at: Placement<'files'>): Promise<void>;
  /** Writes down how to undo what comes next. */
  undoLater(entry: UndoEntry): Promise<void>;
  /** Says which step is running now, for the people who watch. */
  enter(phase: Phase): void;
}

/** Asks a person whether what was restored stays. `undefined`: nobody has answered in time. */
export type AskedPerson = (text: string, limitMs: number) => Promise<{ by: string; keep: boolean } | undefined>;

export interface RestoreRunner extends StepRunner {
  /** Absent: there is nobody to be asked, and what serves stays. */
  ask?: AskedPerson;
}

/** While there is no lock yet, and so no undo list: planning changes no instance. */
export interface PlanRunner extends StepRunner {
  /** Has a step done when the operation has ended, however that was: planning leaves files of its own. */
  afterwards<K extends StepName>(step: K, input: StepInput<K>, how: How<K>): void;
}

/** Where a restore works: found out before the lock, because looking changes nothing. */
export interface PlannedRestore extends ApprovablePlan {
  input: RestoreInput;
}

/** Of a live load: where what was downloaded lies. */
export interface PlannedLiveLoad extends PlannedRestore {
  at: Beside;
}
