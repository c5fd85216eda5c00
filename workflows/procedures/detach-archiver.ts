import type { NamedShard } from '../../model/shard.ts';
import type { StepRunner } from './step-runner.ts';

/**
 * Makes the archiver let go before Redis is stopped or loaded anew: else it would take a half-restored server for a base.
 * However the operation ends, it comes back, and waits by itself until Redis has served for a while.
 */
export async function detachArchiver(runner: StepRunner, of: NamedShard): Promise<void> {
  const { name } = of;
  const args = { ...of, by: `the operation on ${name}` };
  await runner.undoLater({ undo: 'attachArchiver', args, when: 'always', summary: `let the archiver follow ${name} again` });
  await runner.runStep('detachArchiver', args, { summary: `make the archiver let go of ${name}, everything stored` });
}
