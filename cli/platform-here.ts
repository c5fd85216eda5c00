import type { Config } from '../config/config.ts';
import { instanceOf } from '../config/load.ts';
import { RecoveryError } from '../model/errors.ts';
import type { Control } from '../platforms/platform.ts';
import { openProcessPlatform } from '../platforms/process/process-platform.ts';
import { ownEndpointOf } from '../redis/client/connection.ts';

/** What runs an instance on this machine. @throws RecoveryError `PLATFORM_UNSUPPORTED` where it runs on another one */
export function platformHere(config: Config, name: string): Control {
  const { platform, redis } = instanceOf(config, name);
  if (platform.type === 'process' && platform.host === config.worker.host)
    return openProcessPlatform({ ...platform, ...ownEndpointOf(redis) });
  const where = platform.type === 'process' ? `on ${platform.host}` : 'where only the Redis protocol reaches it';
  throw new RecoveryError('PLATFORM_UNSUPPORTED', `${name} runs ${where}, and this is ${config.worker.host}`, {
    next: platform.type === 'process' ? `Run this on ${platform.host}.` : 'Look at its files on its own machine.',
  });
}
