import { formatDuration } from '../../model/format.ts';
import type { RestoreReport } from '../../model/operations.ts';
import { shardIn } from '../../model/shard.ts';
import { failure } from '../failures.ts';
import type { At } from '../steps/step-table.ts';
import type { PlannedRestore, RestoreRunner } from './step-runner.ts';

/** How long a person has to say what stays. */
const ASK_FOR_MS = 5 * 60_000;

interface Seen {
  applications: RestoreReport['applications'];
  warnings: string[];
}

/**
 * Waits for the applications. That one is missing undoes nothing by itself: what was restored serves, and is whole. A person is
 * asked, where the old data can still be put back, and without an answer what serves stays.
 * @throws ApplicationFailure `APPLICATIONS_UNCONNECTED` if that person wants the old data back
 */
export async function seeApplications(
  runner: RestoreRunner,
  { plan, input }: PlannedRestore,
  { at, sinceMs }: { at: At<'verifyApplications'>; sinceMs: number },
): Promise<Seen> {
  const of = shardIn(plan);
  const { name } = of;
  runner.enter('applications');
  const applications = await runner.runStep(
    'verifyApplications',
    { ...of, sinceMs },
    { at, summary: 'wait for the applications', serving: name },
  );
  const missing = applications.filter(({ required, verdict }) => required && verdict === 'missing');
  if (missing.length === 0) return { applications, warnings: [] };
  const named = missing.map((one) => `${one.name} (${one.detail})`).join(', ');
  const found = `${name} is restored and serves, but these applications do not reach it: ${named}`;
  if (input.strategy === 'live' || !runner.ask) return { applications, warnings: [`${found}.`] };
  const limitMs = input.askForMs ?? ASK_FOR_MS;
  const decision = await runner.ask(
    `${found}. It stays, unless somebody decides otherwise within ${formatDuration(limitMs)}.`,
    limitMs,
  );
  if (decision?.keep === false)
    throw failure(
      'APPLICATIONS_UNCONNECTED',
      `${found}; ${decision.by} wants the old data back`,
      'The old data is being put back. Look into the applications, then restore again.',
    );
  const why = decision ? `${decision.by} keeps it` : `nobody answered within ${formatDuration(limitMs)}`;
  return { applications, warnings: [`${found}. It stays: ${why}.`] };
}
