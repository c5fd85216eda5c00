import assert from 'node:assert/strict';
import type { Output, ShownStatus } from '../../cli/output/output.ts';
import type { Asker } from '../../cli/recover/asker.ts';
import { RecoveryPage } from '../../cli/recover/page.ts';
import { RecoveryError } from '../../model/errors.ts';

describe('The page of a recovery that does not answer', () => {
  async function saidOf(...seen: Partial<ShownStatus>[]): Promise<string[]> {
    const said: string[] = [];
    const output = { note: (text: string) => said.push(text) } as unknown as Output;
    const page = new RecoveryPage({ output, asker: { isStopped: false } as Asker, workflowId: 'recover/main' }, async () => {
      throw new RecoveryError('PLACE_UNREACHABLE', 'nobody answers', { next: '' });
    });
    for (const status of seen) {
      page.show({ workflowId: 'recover/main', ...status });
      await page.shown;
    }
    return said;
  }

  it('is said once to have no worker, whatever step had begun', async () => {
    const step = { step: 'watchServing', note: 'serves: a primary that answers' };
    assert.deepEqual(await saidOf(step, step), [
      'recover/main: waiting: no worker answers at this moment; nothing new begins until one does',
    ]);
  });

  it('is not said to have no worker where workers are there, and its decision fails in them', async () => {
    const why = { step: 'watchServing', cannotGoOn: true, note: 'it cannot go on: Nondeterminism error; it is tried again' };
    assert.deepEqual(await saidOf(why), ['recover/main: it cannot go on: Nondeterminism error; it is tried again']);
  });
});
