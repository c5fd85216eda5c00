import { condition, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import { SEARCH_ATTRIBUTES } from '../../../model/operations.ts';
import { CHECKS, checkInput } from '../../../workflows/inputs.ts';
import { goSignal } from './go.ts';

/** The real watcher, and a recovery that a test ends when it likes. */
export { instanceLock } from '../../../workflows/lock/instance-lock.ts';
export { watchRedis } from '../../../workflows/watch-redis.ts';

export async function recoverRedis(input: { instance: string; by?: string }): Promise<object> {
  checkInput('recoverRedis', input, { instance: CHECKS.instance }, { by: CHECKS.text });
  upsertSearchAttributes({ [SEARCH_ATTRIBUTES.instance]: [input.instance] });
  let ended = false;
  setHandler(goSignal, () => {
    ended = true;
  });
  await condition(() => ended);
  return { outcome: 'serving', ...input };
}
