import assert from 'node:assert/strict';
import { planRehearsed } from '../../workflows/procedures/rehearse.ts';
import type { PlanRunner } from '../../workflows/procedures/step-runner.ts';
import { MAIN } from '../fixtures/shard.ts';

/** Plans by what stands in Redis: less than half comes out of it, or not. */
function runnerOf(steps: string[]): PlanRunner {
  const runStep = async (step: string, input: { target?: { keysNow: number }; rehearsal?: object }) => {
    steps.push(step);
    if (step === 'rehearse') return { done: true };
    const refusals = (input.target?.keysNow ?? 0) > 2_000 && input.rehearsal ? [{ code: 'RESTORE_LOSS' }] : [];
    return { plan: { log: {}, refusals }, digest: `of ${input.target?.keysNow} keys` };
  };
  return { runStep, enter: () => undefined, afterwards: () => undefined } as unknown as PlanRunner;
}

describe('A plan that was rehearsed', () => {
  const planned = async (...keysNow: number[]) => {
    const steps: string[] = [];
    const look = async () => {
      steps.push('look');
      return { target: { keysNow: keysNow.shift() } } as never;
    };
    const input = { instance: 'main', strategy: 'replace' } as const;
    const at = { instance: 'main', shard: '0', part: 'files' } as const;
    const plan = await planRehearsed(runnerOf(steps), { of: MAIN, input, at, summary: 'plan', look });
    return { ...plan, steps };
  };

  it('looks again before it calls a loss what may have ended by itself meanwhile', async () => {
    const { digest, steps } = await planned(4_832, 1_832);
    assert.equal(digest, 'of 1832 keys');
    assert.deepEqual(steps, ['look', 'planRestore', 'rehearse', 'planRestore', 'look', 'planRestore']);
  });

  it('refuses what is a loss still', async () => {
    const { plan } = await planned(4_832, 4_000);
    assert.deepEqual(
      plan.refusals.map(({ code }) => code),
      ['RESTORE_LOSS'],
    );
  });

  it('looks once where nothing is lost', async () => {
    const { steps } = await planned(1_832);
    assert.deepEqual(steps, ['look', 'planRestore', 'rehearse', 'planRestore']);
  });
});
