import type { PlaceRights } from '../model/place-rights.ts';
import { CHECKS, checkInput } from './inputs.ts';
import { act } from './steps.ts';

/** Asks the worker on the machine of a Redis what it may do there, for `check`. Changes nothing, and takes no lock. */
export async function examinePlace(input: { instance: string }): Promise<PlaceRights> {
  checkInput('examinePlace', input, { instance: CHECKS.instance }, {});
  const { queue } = await act('openPlace', input, { summary: 'which machine it runs on' });
  return act('examinePlace', input, { summary: 'ask its worker what it may do there', place: queue });
}
