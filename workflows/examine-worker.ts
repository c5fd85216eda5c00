import { controlOf, filesOf } from '../model/placement.ts';
import type { Foreseen } from '../model/restore/foreseen.ts';
import type { PlaceRights } from '../model/worker-rights.ts';
import { CHECKS, checkInput } from './inputs.ts';
import { foresee } from './procedures/foresee.ts';
import { closeLookedAt } from './steps/placements.ts';
import { runStep } from './steps/run-step.ts';

/** Asks the worker on the machine of a Redis what it may do there, for `check`. Changes nothing, and takes no lock. */
export async function examinePlace(input: { instance: string }): Promise<PlaceRights> {
  checkInput('examinePlace', input, { instance: CHECKS.instance }, {});
  const { instance } = input;
  const of = await runStep('onlyShard', { instance }, { summary: `which Redis ${instance} is` });
  try {
    const { layout, ...control } = await runStep('examineControl', input, {
      summary: 'ask its worker as whom it runs',
      at: controlOf(of),
    });
    const { denied } = await runStep(
      'examineFiles',
      { instance, layout },
      { summary: 'ask what it may do with its files', at: filesOf(of) },
    );
    return { ...control, denied };
  } finally {
    await closeLookedAt(instance);
  }
}

/** Asks the workers of a Redis what they would refuse as things stand, for `check`. Takes no lock. */
export async function foreseeRefusals(input: { instance: string; isManaged: boolean }): Promise<Foreseen[]> {
  checkInput('foreseeRefusals', input, { instance: CHECKS.instance, isManaged: CHECKS.flag }, {});
  const { instance } = input;
  const of = await runStep('onlyShard', { instance }, { summary: `which Redis ${instance} is` });
  try {
    return await foresee(runStep, of, input);
  } finally {
    await closeLookedAt(instance);
  }
}
