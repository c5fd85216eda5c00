import { controlOf, filesOf } from '../model/placement.ts';
import type { Foreseen } from '../model/restore/foreseen.ts';
import { type AskedShard, askedIn } from '../model/shard.ts';
import type { PlaceRights } from '../model/worker-rights.ts';
import { CHECKS, checkInput } from './inputs.ts';
import { foresee } from './procedures/foresee.ts';
import { closeLookedAt } from './steps/placements.ts';
import { runStep } from './steps/run-step.ts';

/** Asks the worker on the machine of a Redis what it may do there, for `check`. Changes nothing, and takes no lock. */
export async function examinePlace(input: AskedShard): Promise<PlaceRights> {
  checkInput('examinePlace', input, { instance: CHECKS.instance }, { shard: CHECKS.shard });
  const { instance } = input;
  const of = await runStep('whichShard', input, { summary: `which Redis ${instance} is` });
  try {
    const { layout, ...control } = await runStep('examineControl', of, {
      summary: 'ask its worker as whom it runs',
      at: controlOf(of),
    });
    const { denied } = await runStep(
      'examineFiles',
      { ...of, layout },
      { summary: 'ask what it may do with its files', at: filesOf(of) },
    );
    return { ...control, denied };
  } finally {
    await closeLookedAt(instance);
  }
}

/** Asks the workers of a Redis what they would refuse as things stand, for `check`. Takes no lock. */
export async function foreseeRefusals(input: AskedShard & { isManaged: boolean }): Promise<Foreseen[]> {
  checkInput('foreseeRefusals', input, { instance: CHECKS.instance, isManaged: CHECKS.flag }, { shard: CHECKS.shard });
  const { instance } = input;
  const of = await runStep('whichShard', askedIn(input), { summary: `which Redis ${instance} is` });
  try {
    return await foresee(runStep, of, input);
  } finally {
    await closeLookedAt(instance);
  }
}
