import assert from 'node:assert/strict';
import { type JobContext, runAsJob } from '../../../activities/job-context.ts';
import { watchProcess } from '../../../activities/server/await-load.ts';
import type { Control, ProcessExit } from '../../../platforms/platform.ts';

const job = { signal: new AbortController().signal, progress: () => undefined } as Partial<JobContext> as JobContext;

/** A host whose processes can't be looked at any more, or whose process ends, just when that is wanted. */
const hostWhere = (exited: () => Promise<ProcessExit>) => ({ exited }) as Partial<Control> as Control;

const pausedFor = async (platform: Control, ms: number, times: number): Promise<number> =>
  runAsJob(job, async () => {
    using watched = watchProcess(platform);
    const begun = performance.now();
    for (let time = 0; time < times; time++) await watched.pause(ms);
    return performance.now() - begun;
  });

describe('A process that is waited for', () => {
  it('is asked no more often when it cannot be looked at', async () => {
    const took = await pausedFor(
      hostWhere(() => Promise.reject(new Error('several servers could be meant'))),
      40,
      4,
    );
    assert.ok(took >= 3 * 40 - 5, `four pauses took ${took} ms`); // the first may be cut short by the bad news
  });

  it('is asked at once when it ends', async () => {
    const took = await pausedFor(
      hostWhere(async () => ({ lastLines: [] })),
      10_000,
      1,
    );
    assert.ok(took < 5_000, `the pause took ${took} ms`);
  });
});
