import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import { tailOf } from '../../platforms/host/log-tail.ts';
import { LOG_FILE } from '../../platforms/throwaway/conf.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { loadErrorsOf, logRefused, unknownToServer } from '../../redis/log/load-errors.ts';

/** More than a load logs, unless something is wrong. */
const LOG_LINES = 500;
const WHO = 'a throw-away Redis';

/**
 * A copy that has skipped a command of its log is not the data that was wanted.
 * @param client - of the copy, which has loaded
 * @throws RecoveryError `LOG_REFUSED` that names the commands
 */
export async function refuseLoadErrors(client: RedisClient, directory: string): Promise<void> {
  const refused = loadErrorsOf(await client.info(), { lines: await tailOf(join(directory, LOG_FILE), LOG_LINES) });
  if (refused) throw logRefused(WHO, refused, 'Nothing was changed. Choose a moment before that command.');
}

/** What a copy that did not come up has to say of its log, or else `error` as it is. */
export async function whyNotLoaded(error: unknown, directory: string): Promise<unknown> {
  if (!(error instanceof RecoveryError && error.code === 'START_FAILED')) return error;
  const lines = await tailOf(join(directory, LOG_FILE), LOG_LINES);
  return unknownToServer(WHO, lines, 'Nothing was changed.') ?? error;
}
