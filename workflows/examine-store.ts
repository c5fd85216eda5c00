import type { StoreView } from '../model/store-view.ts';
import { CHECKS, checkInput } from './inputs.ts';
import { runStep } from './steps/run-step.ts';

/** Asks a worker what its own store says to it, for `check`. Takes no lock. */
export async function examineStore(input: { instance: string }): Promise<StoreView> {
  checkInput('examineStore', input, { instance: CHECKS.instance }, {});
  return runStep('examineStore', input, { summary: 'ask a worker for its own store' });
}
