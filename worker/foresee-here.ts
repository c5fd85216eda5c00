import { createActivities } from '../activities/index.ts';
import { runAsJob } from '../activities/job-context.ts';
import type { Config } from '../config/config.ts';
import type { Foreseen } from '../model/restore/foreseen.ts';
import type { NamedShard } from '../model/shard.ts';
import { foresee } from '../workflows/procedures/foresee.ts';
import type { StepInput, StepName, StepResult } from '../workflows/steps/step-table.ts';
import { createDependencies } from './dependencies.ts';
import { WITHOUT_TEMPORAL } from './direct.ts';

/** What this very process would refuse on the machine of a Redis, where no worker there can be asked. */
export async function foreseeHere(config: Config, of: NamedShard): Promise<Foreseen[]> {
  const activities = createActivities(await createDependencies(config, WITHOUT_TEMPORAL));
  const run = <K extends StepName>(step: K, input: StepInput<K>): Promise<StepResult<K>> =>
    (activities[step] as (input: StepInput<K>) => Promise<StepResult<K>>)(input);
  const job = { signal: new AbortController().signal, operationId: 'check', attempt: 1, progress: () => undefined };
  return runAsJob(job, () => foresee(run, of, { isManaged: true }));
}
