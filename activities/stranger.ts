import { hasCode, RecoveryError } from '../model/errors.ts';
import type { SameServer } from '../platforms/platform.ts';
import type { RedisClient } from '../redis/client/client.ts';
import type { ProtectedInstance } from './dependencies.ts';
import { identifyTarget } from './restore/target-identity.ts';

type Managed = Pick<ProtectedInstance, 'name' | 'control'>;

/**
 * Why the Redis that answers is surely another one than the configured, as its platform sees it. Undefined: it is ours, or that
 * cannot be told from here, such as of one in a container, or behind a port that is passed on.
 */
export async function strangerAnswering(target: Managed, client: RedisClient): Promise<string | undefined> {
  if (!target.control?.isAtHand) return undefined;
  // A process or a redis.conf that may not be read tells nothing.
  return surely(await identifyTarget(target.control, await client.info('server'), client).catch(() => undefined));
}

/** The same of one that does not let us in. */
export async function strangerRefusing({ control }: Pick<ProtectedInstance, 'control'>): Promise<string | undefined> {
  if (!control?.isAtHand) return undefined;
  return surely(
    await control
      .open()
      .identify()
      .catch(() => undefined),
  );
}

const surely = (found: SameServer | undefined): string | undefined =>
  found?.same === 'no' && found.isSure ? found.why : undefined;

/** Whether that is why it could not be asked. */
export const doesNotLetUsIn = (error: unknown): boolean => hasCode(error, 'REDIS_AUTH_FAILED', 'REDIS_PERMISSION_DENIED');

/** @throws RecoveryError `TARGET_IDENTITY` if the Redis that answers is surely another one */
export async function refuseStranger(target: Managed, client: RedisClient): Promise<void> {
  const why = await strangerAnswering(target, client);
  if (why !== undefined) throw stranger(target.name, why);
}

export const stranger = (instance: string, why: string): RecoveryError =>
  new RecoveryError('TARGET_IDENTITY', `another Redis answers in the place of ${instance}: ${why}`, { next: whatToDo(instance) });

export const whatToDo = (instance: string): string =>
  `Give the other Redis another port, or end it, then \`redis-backup recover ${instance}\`; if it is ${instance}, name its redis.conf in redis-backup.yaml.`;
