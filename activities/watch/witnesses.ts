import type { WitnessView } from '../../model/watch/watch.ts';
import { verifyConnectivity } from '../../probes/connectivity.ts';
import type { ServingReport } from '../../redis/health/serving.ts';
import type { ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';

/** A Redis that loads neither serves nor fails: it is left alone. */
export const witnessOf = ({ verdict, detail }: ServingReport): WitnessView => ({
  verdict: verdict === 'loading' ? 'unknown' : verdict,
  detail,
});

/**
 * Asks each application once. CLIENT LIST is left out: a Redis that is away lists nobody, so it would only say again what the
 * worker has said. One application that works with Redis proves that Redis serves.
 */
export async function lookAtApplications({ applications }: ProtectedInstance): Promise<WitnessView> {
  const asked = applications.filter(({ kind }) => kind !== 'clients');
  if (asked.length === 0) return { verdict: 'unknown', detail: 'no application is configured that could be asked' };
  const verdicts = await verifyConnectivity(asked, {
    clientList: async () => '',
    sinceMs: 0,
    timeoutMs: 0,
    signal: currentJob().signal,
  });
  const connected = verdicts.find(({ verdict }) => verdict === 'connected');
  if (connected) return { verdict: 'serves', detail: `${connected.name} works with it` };
  const missing = verdicts.filter(({ verdict }) => verdict === 'missing');
  const [first] = missing.length > 0 ? missing : verdicts;
  return {
    verdict: missing.length > 0 ? 'fails' : 'unknown',
    detail: first ? `${first.name}: ${first.detail}`.slice(0, MAX_DETAIL) : '',
  };
}

const MAX_DETAIL = 200;
