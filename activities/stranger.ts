import { RecoveryError } from '../model/errors.ts';
import { pidsOf, readProcess } from '../platforms/process/process-table.ts';
import type { RedisClient } from '../redis/client.ts';
import { isSameFile, managedBy } from './target-identity.ts';
import type { ProtectedInstance } from './world.ts';

type Managed = Pick<ProtectedInstance, 'name' | 'process' | 'target'>;

/**
 * Why the Redis that answers is surely another one than the configured: a process of this machine that has another redis.conf.
 * Undefined: it is ours, or that cannot be told from here, such as of one in a container, or behind a port that is passed on.
 * @param host - this machine
 */
export async function strangerAnswering(host: string, target: Managed, client: RedisClient): Promise<string | undefined> {
  if (target.process?.host !== host || target.target?.configFile === undefined) return undefined;
  return surelyAnother(host, target, client).catch(() => undefined); // a process or a redis.conf that may not be read tells nothing
}

async function surelyAnother(host: string, target: Managed, client: RedisClient): Promise<string | undefined> {
  const info = await client.info('server');
  const managed = await managedBy(host, target, info, client);
  if (managed?.yes !== false || (await isSameFile(info.get('config_file'), managed.configFile))) return undefined;
  const said = info.number('process_id');
  return said !== undefined && (await isServerHere(said)) ? managed.why : undefined;
}

/** @throws RecoveryError `TARGET_IDENTITY` if the Redis that answers is surely another one */
export async function refuseStranger(host: string, target: Managed, client: RedisClient): Promise<void> {
  const why = await strangerAnswering(host, target, client);
  if (why !== undefined) throw stranger(target.name, why);
}

export const stranger = (instance: string, why: string): RecoveryError =>
  new RecoveryError('TARGET_IDENTITY', `another Redis answers in the place of ${instance}: ${why}`, { next: whatToDo(instance) });

export const whatToDo = (instance: string): string =>
  `Give the other Redis another port, or end it, then \`redis-backup recover ${instance}\`; if it is ${instance}, name its redis.conf in redis-backup.yaml.`;

/** A number that a container says is that of another process here, or of none. */
async function isServerHere(pid: number): Promise<boolean> {
  const [found, pids] = await Promise.all([readProcess(pid), pidsOf(pid)]);
  return found !== undefined && pids?.length === 1 && /(?:redis|valkey)-server/.test(`${found.name} ${found.args[0] ?? ''}`);
}
