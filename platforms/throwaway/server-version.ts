import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import type { Server } from '../../model/restore/rdb-versions.ts';
import { inheritedEnvironment } from '../host/inherited-environment.ts';

const PATIENCE_MS = 10_000;

/**
 * What a server binary says of itself.
 * @throws RecoveryError `CONFIG_INVALID` for a file that is no Redis and no Valkey
 */
export async function serverVersion(binary: string): Promise<Server> {
  const text = await outputOf(binary).catch((error) => {
    throw noServer(binary, messageOf(error), error);
  });
  const [, name = '', version] = /(redis|valkey)?\s*server v=([\d.]+)/i.exec(text) ?? [];
  if (version === undefined) throw noServer(binary, 'it does not say its version');
  return { product: name.toLowerCase() === 'valkey' ? 'valkey' : 'redis', version };
}

/** As `redis-server`: the file may be called redis-check-rdb, and would be that. */
async function outputOf(binary: string): Promise<string> {
  const child = spawn(binary, ['--version'], {
    argv0: 'redis-server',
    env: inheritedEnvironment(),
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    if (text.length < 4096) text += more;
  });
  await once(child, 'close');
  return text;
}

const noServer = (binary: string, why: string, cause?: unknown): RecoveryError =>
  new RecoveryError('CONFIG_INVALID', `${binary} is no Redis server that can be started here: ${why}`, {
    next: 'Name the redis-server of an installation that works.',
    cause,
  });
