import { condition, setHandler } from '@temporalio/workflow';
import { goSignal } from './go.ts';

/** The real watcher, and a recovery that a test ends when it likes. */
export { instanceLock } from '../../../workflows/lock/instance-lock.ts';
export { watchRedis } from '../../../workflows/watch-redis.ts';

export async function recoverRedis(input: object): Promise<object> {
  let ended = false;
  setHandler(goSignal, () => {
    ended = true;
  });
  await condition(() => ended);
  return { outcome: 'serving', ...input };
}
