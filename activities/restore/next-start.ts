import { RecoveryError } from '../../model/errors.ts';
import { compareStarts, type NextStart, type NextStarted, type StartState, userCure } from '../../model/restore/next-start.ts';
import type { Control, StartProof } from '../../platforms/platform.ts';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import type { RedisConnection } from '../../redis/client/connection.ts';
import { readStartState } from '../../redis/start-state.ts';
import { saidBy } from './target-identity.ts';

type Said = { state: StartState } | { refused: string };

/**
 * Tries the next start of a Redis beside it, and compares what comes out with what runs. Changes nothing of the real one.
 * @param living - absent when it does not answer: then only the start itself is proven
 */
export async function lookAtNextStart(
  platform: Control,
  connection: RedisConnection,
  living: RedisClient | undefined,
  signal?: AbortSignal,
): Promise<NextStart> {
  const other = await platform.otherStart(living && saidBy(await living.info('server')));
  if (other) return other;
  const proof = await platform.proveStart((socketPath) => askNext(connection, socketPath), signal);
  if (proof.outcome !== 'starts') return proof;
  return startedOf(proof, living && (await readStartState(living)));
}

/** Signs in as we do with the real one: what it would not take then, it does not take here. */
async function askNext({ username, password, commands, conf }: RedisConnection, socketPath: string): Promise<Said> {
  const credentials = { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
  const names = { ...(commands ? { commands } : {}), ...(conf ? { conf } : {}) };
  try {
    using client = await openRedis({ host: 'localhost', port: 0, socketPath, ...credentials, ...names }, TIMEOUTS);
    return { state: await readStartState(client) };
  } catch (error) {
    if (!(error instanceof RecoveryError) || !REFUSALS.has(error.code)) throw error;
    return { refused: withoutSocket(error.message) };
  }
}

/** The path of the socket is another one each time, and says nothing to anybody. */
const withoutSocket = (message: string): string => message.replace(/^unix:\S+ refused [^:]*: /, '').replace(/\.$/, '');

const TIMEOUTS = { connectTimeoutMs: 1_000, commandTimeoutMs: 5_000 };
const REFUSALS = new Set<string>(['REDIS_AUTH_FAILED', 'REDIS_PERMISSION_DENIED']);

function startedOf(
  { said, sources }: Extract<StartProof<Said>, { outcome: 'starts' }>,
  living: StartState | undefined,
): NextStarted {
  const { follows, usersIncludedFrom } = sources;
  const known = { ...(follows ? { follows } : {}), ...(usersIncludedFrom ? { rewriteHarms: usersIncludedFrom } : {}) };
  if ('refused' in said) {
    return {
      outcome: 'starts',
      signInRefused: said.refused,
      signInCure: userCure(sources),
      differences: [],
      uncompared: [],
      ...known,
    };
  }
  const { server, settings, modules, refused } = said.state;
  return {
    outcome: 'starts',
    server,
    differences: living ? compareStarts(living, said.state, sources) : [],
    ...(living?.functions?.length ? { functionsNow: [...living.functions].sort() } : {}),
    uncompared: [...new Set([...refused, ...(living?.refused ?? [])])].sort(),
    ...known,
    ...(settings?.databases ? { databases: Number(settings.databases) } : {}),
    ...(settings?.maxmemory ? { maxmemoryBytes: Number(settings.maxmemory) } : {}),
    ...(settings?.['maxmemory-policy'] ? { maxmemoryPolicy: settings['maxmemory-policy'] } : {}),
    ...(modules ? { modules: [...modules] } : {}),
  };
}
