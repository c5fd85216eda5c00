import type { AofPinsInput } from '../../activities/backup/aof.ts';
import type { LoadBackInput } from '../../activities/restore/live/load-back.ts';
import type { PutBackLiveInput } from '../../activities/restore/live/load-live.ts';
import type { PutBackInput } from '../../activities/restore/put-back.ts';
import type { Undone } from '../../model/lock.ts';
import { type Beside, controlOf, filesOf, type Placement } from '../../model/placement.ts';
import type { ShardRef } from '../../model/shard.ts';
import type { AtArg, StepInput, StepName, StepResult } from '../steps/step-table.ts';

/** What an undo procedure is done with: under a lock whose holder is gone, or in one process. */
export interface UndoSteps {
  run<K extends StepName>(step: K, input: StepInput<K>, where: AtArg<K>): Promise<StepResult<K>>;
  /** Nobody is in the data directory any more when it returns: only then may a Redis be started. */
  close(at: Placement<'files'>): Promise<void>;
}

const ANYWHERE = {};

/**
 * How everything that an operation changes is undone. Each procedure is idempotent, and right also when the change never happened;
 * its arguments stand in the history of the lock, as plain JSON without secrets.
 */
export const UNDO = {
  closeFiles: (steps: UndoSteps, at: ShardRef) => steps.close(filesOf(at)),

  discardStaged: (steps: UndoSteps, input: PutBackInput) => steps.run('discardStaged', input, { at: filesOf(input.plan) }),

  /** Starts Redis, waits until it serves, and sees whether it has what it had. */
  async putBackServer(steps: UndoSteps, { plan, keys }: PutBackInput & StepInput<'serveAgain'>): Promise<Undone> {
    await steps.close(filesOf(plan));
    return steps.run('serveAgain', { plan, ...(keys ? { keys } : {}) }, { at: controlOf(plan) });
  },

  /** Ends what runs on the new data, and restores exactly the files that the restore found. */
  async putBackData(steps: UndoSteps, input: PutBackInput): Promise<void> {
    const { plan } = input;
    const files = { at: filesOf(plan) };
    const { moved } = await steps.run('hasMovedData', input, files);
    if (moved) await steps.run('endRefused', { plan }, { at: controlOf(plan) });
    await steps.run('putBackFiles', input, files);
  },

  discardLive: (steps: UndoSteps, { at, ...input }: { operationId: string; at: Beside }) =>
    steps.run('discardLive', input, { at }),

  putBackLive: (steps: UndoSteps, input: PutBackLiveInput) => steps.run('putBackLive', input, ANYWHERE),

  async loadSafetyBack(steps: UndoSteps, { at, ...input }: LoadBackInput & { at: Beside }): Promise<void> {
    await steps.run('loadSafetyBack', input, { at });
  },

  putBackRdbCompression: (steps: UndoSteps, input: ShardRef) => steps.run('putBackRdbCompression', input, ANYWHERE),

  async attachArchiver(steps: UndoSteps, input: StepInput<'attachArchiver'>): Promise<void> {
    await steps.run('attachArchiver', input, ANYWHERE);
  },

  putBackAofRewrites: (steps: UndoSteps, input: StepInput<'putBackAofRewrites'>) =>
    steps.run('putBackAofRewrites', input, ANYWHERE),

  removeAofPins: (steps: UndoSteps, input: AofPinsInput) => steps.run('removeAofPins', input, { at: filesOf(input) }),

  removeThrowaway: (steps: UndoSteps, { at, ...input }: { operationId: string; at: Beside }) =>
    steps.run('removeThrowaway', input, { at }),

  /** For as long as no Redis was started without them; never stops or starts one. */
  async putBackAside(steps: UndoSteps, { operationId, ...of }: ShardRef & { operationId: string }): Promise<void> {
    const found = await steps.run('observeServer', of, { at: controlOf(of) });
    await steps.run('putBackAside', { ...of, operationId, ...found }, { at: filesOf(of) });
  },

  /** One that a step has ended, and nobody has started since. */
  async startAgain(steps: UndoSteps, input: StepInput<'startAgain'>): Promise<void> {
    await steps.close(filesOf(input));
    await steps.run('startAgain', input, { at: controlOf(input) });
  },
} as const;

export type UndoName = keyof typeof UNDO;
export type UndoArgs<K extends UndoName> = Parameters<(typeof UNDO)[K]>[1];

/** One thing that an operation is about to change, and how to change it back. Written down before the change. */
export type UndoEntry = {
  [K in UndoName]: {
    undo: K;
    args: UndoArgs<K>;
    /** `always`: also after success (a CONFIG value). `unlessSucceeded`: puts the old state back. */
    when: 'always' | 'unlessSucceeded';
    /** From here on the operation keeps Redis from serving, on purpose. */
    interrupts?: true;
    /** What a person reads in the Web UI while it runs. */
    summary: string;
  };
}[UndoName];

export const isUndoName = (name: unknown): name is UndoName => typeof name === 'string' && Object.hasOwn(UNDO, name);

/** @returns what it says of its work */
export async function undo({ undo: name, args }: UndoEntry, steps: UndoSteps): Promise<Undone> {
  const procedure = UNDO[name] as (steps: UndoSteps, args: object) => Promise<Undone | undefined>;
  return (await procedure(steps, args)) ?? {};
}
