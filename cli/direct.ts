import type { Config } from '../config/config.ts';
import type { RestoreInput, RestoreResult } from '../model/operations.ts';
import { askedName } from '../model/shard.ts';
import { restoreDirectly } from '../worker/direct.ts';
import type { Output } from './output/output.ts';
import { type RestoreExecutor, wrongAnswer } from './restore-executor.ts';
import { uninterrupted } from './signals.ts';

/**
 * Plans and carries out a restore in this process, by the same activities, without Temporal.
 * @param options.interrupt - Ctrl-C, `kill`, the end of the terminal: the running step is ended, and everything put back
 */
export function runDirectly(config: Config, { output, interrupt }: { output: Output; interrupt: AbortSignal }): RestoreExecutor {
  const run = async (input: RestoreInput): Promise<RestoreResult> => {
    let phase: string | undefined;
    const show = (fields: object) =>
      output.status({ workflowId: `direct/${askedName(input)}`, ...(phase ? { phase } : {}), ...fields });
    return restoreDirectly(
      config,
      { ...input, direct: true },
      {
        signal: interrupt,
        onPhase(next) {
          phase = next;
          show({});
        },
        onProgress: show,
      },
    );
  };
  return {
    async plan(input) {
      const result = await run({ ...input, planOnly: true });
      if (result.outcome === 'planned') return result;
      throw wrongAnswer(result.outcome);
    },
    async restore(input) {
      output.note(
        'warning: without Temporal this restore is not durable: if this process is killed, what it has moved is put back only by the next recovery, worker or restore --direct here',
      );
      const result = await uninterrupted(() => run(input));
      if (result.outcome === 'restored') return result;
      throw wrongAnswer(result.outcome);
    },
  };
}
