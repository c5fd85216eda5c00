import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import fc from 'fast-check';
import { RecoveryError } from '../../model/errors.ts';
import type { FileSystem } from '../../platforms/data-directory/files.ts';
import { finish, moveAside, putBack, replaceWithRdb, stageRdb } from '../../platforms/data-directory.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import { builderOn, chunksOf, contents, FOUND, freshDirectory, RDB, redisWrites } from './support/data-directories.ts';
import { Killed, killedAt, type When } from './support/faulty-files.ts';

const STEPS = {
  stage: (layout: DataLayout, id: string, files: FileSystem) => stageRdb(layout, id, chunksOf(RDB), { files }),
  move: (layout: DataLayout, id: string, files: FileSystem) => moveAside(layout, id, { files }),
  replace: (layout: DataLayout, id: string, files: FileSystem) =>
    replaceWithRdb(layout, id, { files, buildAppendDirectory: builderOn(files) }),
  finish: (layout: DataLayout, id: string, files: FileSystem) => finish(layout, id, { files, leftoversOlderThanMs: 0 }),
  putBack: (layout: DataLayout, id: string, files: FileSystem) => putBack(layout, id, { files }),
};
type Step = keyof typeof STEPS;

interface Action {
  step: Step;
  /** Change of the disk at which the worker is killed; beyond the last one it isn't. */
  killAt: number;
  when: When;
}

// In order more often than not, so that histories get somewhere.
const step = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<Step>('stage', 'move', 'replace') },
  { weight: 1, arbitrary: fc.constantFrom<Step>('finish', 'putBack') },
);
const action = fc.record<Action>({
  step,
  killAt: fc.integer({ min: 1, max: 30 }),
  when: fc.constantFrom<When>('before', 'midway'),
});

/** A history of one or more operations, as a worker, its successors and a Redis between them would make it. */
async function live(layout: DataLayout, actions: readonly Action[]): Promise<void> {
  let operation = 1;
  let original = await contents(layout.dir);
  let mark = 0;
  for (const { step, killAt, when } of actions) {
    const id = `op-${operation}`;
    const outcome = await attempt(() => STEPS[step](layout, id, killedAt(killAt, when).files));
    if (outcome !== 'done') continue;
    if (step === 'replace') {
      assert.ok(
        Object.values(await contents(layout.dir)).some((text) => text === RDB.toString()) || mark > 0,
        'the new data is in place',
      );
      await redisWrites(layout, `${++mark}`); // it was started and has written since
    }
    if (step === 'putBack') assert.deepEqual(await contents(layout.dir), original, `putBack of ${id}`);
    if (step === 'finish') original = await contents(layout.dir);
    if (step === 'finish' || step === 'putBack') operation++;
  }
  await putBack(layout, `op-${operation}`);
  assert.deepEqual(await contents(layout.dir), original, 'putBack at the end');
}

/** Out of order is refused by name; anything else that goes wrong is a fault. */
async function attempt(run: () => Promise<unknown>): Promise<'done' | 'killed' | 'refused'> {
  try {
    await run();
    return 'done';
  } catch (error) {
    if (error instanceof Killed) return 'killed';
    if (error instanceof RecoveryError && ['RESTORE_REFUSED', 'DATA_DIRECTORY'].includes(error.code)) return 'refused';
    throw error;
  }
}

describe('any history of steps, kills and retries', () => {
  it('can always be put back to the byte', async () => {
    const found = fc.constantFrom(...Object.keys(FOUND));
    await fc.assert(
      fc.asyncProperty(
        found,
        fc.boolean(),
        fc.array(action, { minLength: 1, maxLength: 14 }),
        async (name, appendonly, actions) => {
          const layout = await freshDirectory(FOUND[name] ?? {}, appendonly);
          try {
            await live(layout, actions);
          } finally {
            await rm(layout.dir, { recursive: true });
          }
        },
      ),
      { numRuns: Number(process.env.PROPERTY_RUNS ?? 80) },
    );
  });
});
