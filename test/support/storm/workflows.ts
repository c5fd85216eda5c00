import { CancellationScope, CancelledFailure, condition, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import type { OperationKind } from '../../../model/lock.ts';
import { withInstanceLock } from '../../../workflows/lock/with-instance-lock.ts';
import type { StormActivities } from './activities.ts';

export { instanceLock } from '../../../workflows/lock/instance-lock.ts';

export interface StormInput {
  instance: string;
  kind: OperationKind;
  changes: number;
  waitSeconds: number;
  /** Throw before this change. */
  failAt?: number;
  /** This change can't be undone. */
  stuckAt?: number;
  /** This change is undone, and Redis does not let us in. */
  refusedAt?: number;
  /** Wait for signal `go` after this change: a test takes its time there. */
  pauseAt?: number;
}

export const goSignal = defineSignal('go');

/** An operation that changes `changes` things, each written down before. */
export async function stormOperation(input: StormInput): Promise<{ changed: number } | { outcome: string; because: string }> {
  let go = false;
  setHandler(goSignal, () => {
    go = true;
  });
  const { change } = proxyActivities<StormActivities>({
    startToCloseTimeout: '20 seconds',
    heartbeatTimeout: '3 seconds',
    retry: { initialInterval: '100 milliseconds' },
  });
  return withInstanceLock(input, async (held) => {
    for (let number = 0; number < input.changes; number += 1) {
      if (number === input.failAt) throw new CancelledFailure('this operation was made to fail');
      const args = {
        instance: input.instance,
        shard: '0',
        number,
        ...(number === input.stuckAt ? { stuck: true } : {}),
        ...(number === input.refusedAt ? { refused: true } : {}),
      };
      await held.undoLater({
        undo: 'putBackRdbCompression', // its one step is played, too
        args,
        when: number === 0 ? 'always' : 'unlessSucceeded',
        summary: `undo ${number}`,
      });
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled');
      await CancellationScope.nonCancellable(() => change(args));
      if (number === input.pauseAt) await condition(() => go);
    }
    return { changed: input.changes };
  });
}
