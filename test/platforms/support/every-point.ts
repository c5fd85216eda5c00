import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import type { FileSystem } from '../../../platforms/data-directory/files.ts';
import type { DataLayout } from '../../../platforms/platform.ts';
import { Killed, killedAt, neverKilled, type When } from './faulty-files.ts';

/**
 * Runs `body` on a fresh directory for every change that the step under test makes to the disk, or every so many.
 * Returns how many changes there are.
 */
export async function atEveryPoint(
  make: () => Promise<DataLayout>,
  step: (layout: DataLayout, files: FileSystem) => Promise<unknown>,
  body: (layout: DataLayout, point: string) => Promise<void>,
  every = 1,
): Promise<number> {
  const rehearsal = await make();
  const counting = neverKilled();
  await step(rehearsal, counting.files);
  await rm(rehearsal.dir, { recursive: true });
  for (let at = 1; at <= counting.changes(); at += every) {
    for (const when of ['before', 'midway'] satisfies When[]) {
      const layout = await make();
      await assert.rejects(step(layout, killedAt(at, when).files), Killed);
      await body(layout, `killed ${when} change ${at} of ${counting.changes()}`);
      await rm(layout.dir, { recursive: true });
    }
  }
  return counting.changes();
}
