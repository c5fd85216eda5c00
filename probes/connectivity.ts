import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, RecoveryError } from '../model/errors.ts';
import { type ApplicationProbe, type ApplicationVerdict, membersWanted, type Sighting } from './application-probe.ts';
import { type ClientLine, parseClientList } from './client-list.ts';
import { lookAtClients } from './clients.ts';
import { lookAtCommand } from './command.ts';
import { lookAtHttp } from './http.ts';

export type {
  ApplicationProbe,
  ApplicationVerdict,
  ClientsProbe,
  CommandProbe,
  ConnectivityVerdict,
  HttpProbe,
  ProbeKind,
} from './application-probe.ts';

export interface ConnectivityDeps {
  /** The answer of Redis to CLIENT LIST. Asked once a round for all applications, and only if one needs it. */
  clientList: () => Promise<string>;
  /** When Redis began to serve again, milliseconds since 1970 by this worker's clock: older commands count for nothing. */
  sinceMs: number;
  /** When to stop waiting for those that are missing. */
  timeoutMs: number;
  signal?: AbortSignal;
  /** The verdicts so far, after each round. */
  onProgress?: (verdicts: ApplicationVerdict[]) => void;
  /** Default 1000. */
  pollEveryMs?: number;
}

type Look = (clients: Clients) => Promise<Sighting>;
/** CLIENT LIST of this round, or why there is none. */
type Clients = { lines: ClientLine[]; nowMs: number } | { why: string; final: boolean };

/**
 * Waits until every application is seen at work with Redis, or the time is over. An application that was seen once is
 * connected. Changes nothing; a retry looks again from the start.
 * @returns one verdict an application, in their order
 */
export async function verifyConnectivity(
  apps: readonly ApplicationProbe[],
  deps: ConnectivityDeps,
): Promise<ApplicationVerdict[]> {
  const { signal, timeoutMs, onProgress, pollEveryMs = 1000 } = deps;
  const deadline = performance.now() + timeoutMs;
  const verdicts = apps.map((app) =>
    verdictOn(app, { seen: [], stragglers: [], unclear: { why: 'not looked at yet', final: false } }),
  );
  const settled = new Set<number>();
  while (settled.size < apps.length) {
    signal?.throwIfAborted();
    const open = apps.map((app, index) => ({ app, index })).filter(({ index }) => !settled.has(index));
    const clients = await clientsFor(
      open.map(({ app }) => app),
      deps,
    );
    await Promise.all(
      open.map(async ({ app, index }) => {
        const sighting = await lookerFor(app, deps)(clients);
        verdicts[index] = verdictOn(app, sighting);
        if (verdicts[index].verdict === 'connected' || sighting.unclear?.final) settled.add(index);
      }),
    );
    onProgress?.([...verdicts]);
    if (settled.size === apps.length || performance.now() + pollEveryMs > deadline) break;
    await sleep(pollEveryMs, undefined, { signal });
  }
  return verdicts;
}

function lookerFor(app: ApplicationProbe, { sinceMs, signal }: ConnectivityDeps): Look {
  if (app.kind === 'http') return () => lookAtHttp(app, signal);
  if (app.kind === 'command') return () => lookAtCommand(app.name, app, signal);
  return async (clients) => {
    if ('why' in clients) return { seen: [], stragglers: [], unclear: clients };
    return lookAtClients(app, clients.lines, { sinceMs, nowMs: clients.nowMs });
  };
}

async function clientsFor(apps: readonly ApplicationProbe[], { clientList }: ConnectivityDeps): Promise<Clients> {
  if (!apps.some(({ kind }) => kind === 'clients')) return { lines: [], nowMs: Date.now() };
  try {
    return { lines: parseClientList(await clientList()), nowMs: Date.now() };
  } catch (error) {
    // Redis itself being away is not the fault of an application; the next round may see it again.
    const final = error instanceof RecoveryError && error.code === 'REDIS_PERMISSION_DENIED';
    return { why: `CLIENT LIST gave no answer: ${messageOf(error)}`, final };
  }
}

function verdictOn(app: ApplicationProbe, { seen, stragglers, unclear }: Sighting): ApplicationVerdict {
  const { name, kind, required = true, quorum } = app;
  const members = seen.length + stragglers.length;
  const enough = members > 0 && seen.length >= membersWanted(members, quorum);
  const base = { name, kind, required };
  if (enough) return { ...base, verdict: 'connected', detail: `${seen.length} of ${members} seen at work`, stragglers };
  if (unclear) return { ...base, verdict: 'cannot be told', detail: unclear.why, stragglers: [] };
  if (members === 0)
    return { ...base, verdict: 'cannot be told', detail: 'the configuration names none of its members', stragglers: [] };
  return {
    ...base,
    verdict: 'missing',
    detail: `${seen.length} of ${members} seen at work; missing: ${stragglers.join(', ')}`,
    stragglers,
  };
}
