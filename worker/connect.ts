import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import type { Config } from '../config/config.ts';
import { resolveTemporal } from '../config/resolve.ts';
import { RecoveryError } from '../model/errors.ts';
import { tell } from './log.ts';
import { requireNoOther } from './pollers.ts';
import { ensureSearchAttributes } from './search-attributes.ts';
import { isPermissionDenied, withoutNamespace } from './temporal-errors.ts';
import { CONNECT_TIMEOUT_MS, connectionOptions, DEFAULT_ADDRESS } from './temporal-options.ts';

const TRY_AGAIN_MS = 2_000;
/** What has not changed is said again this often, for whoever reads only the end of a log. */
const SAY_AGAIN_MS = 60_000;

export interface Connected {
  connection: NativeConnection;
  namespace: string;
}

/**
 * Connects to Temporal, and sees that nothing is missing there. While Temporal, or its namespace, is not there it tries on,
 * and says so in the log: both start at their own time after a loss of power. The configuration's secrets are read anew each
 * time.
 * @param prepares - registers what is missing, and sees that no other worker shares its queues
 * @throws RecoveryError `TEMPORAL_UNREACHABLE` when it refuses this client, `DEPLOYMENT_DIFFERS`, `CONFIG_INVALID`;
 *   `CHECK_FAILED` when search attributes are missing and can't be registered. The signal's reason when it is interrupted
 */
export async function connectPatiently(config: Config, interrupt: AbortSignal, prepares = true): Promise<Connected> {
  let said = { message: '', atMs: 0 };
  for (;;) {
    interrupt.throwIfAborted();
    const answer = await connect(config, prepares);
    if ('connection' in answer) return answer;
    const { message, next } = answer;
    if (message !== said.message || Date.now() - said.atMs > SAY_AGAIN_MS) {
      tell('WARN', `${message}; the worker tries on`, { code: answer.code, next });
      said = { message, atMs: Date.now() };
    }
    await sleep(TRY_AGAIN_MS, undefined, { signal: interrupt });
  }
}

/** @returns why not, where waiting may help */
async function connect(config: Config, prepares: boolean): Promise<Connected | RecoveryError> {
  const { options, namespace } = connectionOptions(await resolveTemporal(config));
  try {
    if (prepares) await prepareNamespace(config, options, namespace);
    const { address, tls, apiKey, metadata } = options as NativeConnectionOptions;
    return { connection: await NativeConnection.connect({ address, tls, apiKey, metadata }), namespace };
  } catch (error) {
    if (error instanceof RecoveryError || error instanceof TypeError) throw error;
    const known = withoutNamespace(error, options.address ?? DEFAULT_ADDRESS, namespace);
    if (isPermissionDenied(error)) throw known;
    return known;
  }
}

async function prepareNamespace(
  config: Config,
  options: ReturnType<typeof connectionOptions>['options'],
  namespace: string,
): Promise<void> {
  const connection = await Connection.connect(options);
  try {
    await connection.withDeadline(Date.now() + CONNECT_TIMEOUT_MS, async () => {
      await connection.workflowService.describeNamespace({ namespace });
      await ensureSearchAttributes(connection, namespace);
      await requireNoOther(config, connection, namespace);
    });
  } finally {
    await connection.close();
  }
}
