import { RecoveryError } from '../model/errors.ts';
import { nameOfClient, type RedisClient } from './client/client.ts';
import type { RedisConnection } from './client/connection.ts';
import type { RedisInfo } from './client/info.ts';

/** What a Redis is among its replicas, and how much it has. */
export interface RoleFacts {
  role: 'master' | 'slave';
  keys: number;
  /** How far it is in the replication stream. */
  offset: number;
  /** The history that it has: of one that was promoted, the one that it had followed. */
  lineage: string;
  /** Its replication ids, present and past. */
  replids: string[];
  loading: boolean;
  /** 0: its owner never wants it promoted. */
  priority: number;
  /** Whom it follows. */
  primary?: { host: string; port: number };
}

const NO_ID = /^0*$/;

/** Of one that was promoted, or follows one: the history that it had before. */
export function secondReplid(info: RedisInfo): string | undefined {
  const id = info.get('master_replid2') ?? '';
  return NO_ID.test(id) ? undefined : id;
}

/** From INFO, which also answers while it loads. */
export async function readRole(client: RedisClient): Promise<RoleFacts> {
  const info = await client.info('replication', 'persistence', 'keyspace');
  const role = info.get('role') === 'slave' ? 'slave' : 'master';
  const [own, before] = [info.get('master_replid') ?? '', secondReplid(info)];
  const [host, port] = [info.get('master_host'), info.number('master_port')];
  return {
    role,
    keys: info.keyspace().reduce((sum, { keys }) => sum + keys, 0),
    offset: (role === 'slave' ? info.number('slave_repl_offset') : undefined) ?? info.number('master_repl_offset') ?? 0,
    lineage: role === 'master' && before !== undefined ? before : own,
    replids: before === undefined ? [own] : [own, before],
    loading: info.flag('loading'),
    priority: info.number('slave_priority') ?? 100,
    ...(host !== undefined && port !== undefined ? { primary: { host, port } } : {}),
  };
}

/**
 * Refuses a replica without a link to its primary: it holds nothing, or what it had when the link broke. Redis itself refuses a
 * replication then, but neither a save nor a copy of its files.
 * @throws RecoveryError `REDIS_NOT_READY`
 */
export async function requireLink(client: RedisClient): Promise<void> {
  const info = await client.info('replication');
  if (info.get('role') !== 'slave' || info.get('master_link_status') === 'up') return;
  const primary = `${info.get('master_host')}:${info.get('master_port')}`;
  throw new RecoveryError(
    'REDIS_NOT_READY',
    `${nameOfClient(client)} is a replica whose link to ${primary} is down: it holds nothing, or old data`,
    { next: 'It is a replica without a link to its primary: mend the link, or use the primary.' },
  );
}

/** REPLICAOF NO ONE, and looks that it worked. Keeps the data. Idempotent. Needs `+replicaof +info`. */
export async function becomePrimary(client: RedisClient): Promise<RoleFacts> {
  await client.command('REPLICAOF', 'NO', 'ONE');
  const facts = await readRole(client);
  if (facts.role === 'master') return facts;
  throw new RecoveryError('REDIS_REFUSED', `${nameOfClient(client)} is a replica again at once after REPLICAOF NO ONE`, {
    next: 'Find out what makes it one, Sentinel or an operator, and let that do the failover.',
  });
}

/** Lets a Redis follow another one, whose data it takes in place of its own. Idempotent. Needs `+replicaof +info`. */
export async function followReplica(client: RedisClient, { host, port }: { host: string; port: number }): Promise<void> {
  await client.command('REPLICAOF', host, String(port));
  const { role, primary } = await readRole(client);
  if (role === 'slave' && primary?.host === host && primary.port === port) return;
  throw new RecoveryError('REDIS_REFUSED', `${nameOfClient(client)} does not follow ${host}:${port} after REPLICAOF`, {
    next: 'Find out what changes its role, Sentinel or an operator.',
  });
}

/** A neighbour at `host:port`, `[::1]:6379` too, reached as this Redis is: same user, password and TLS. */
export const neighbour = (connection: RedisConnection, address: string): RedisConnection => ({
  ...withoutConf(connection),
  ...hostAndPort(address),
});

/** Its redis.conf, and where it listens, are others. */
const withoutConf = ({ conf: _, own: __, socketPath: ___, ...connection }: RedisConnection): RedisConnection => connection;

/** @throws RecoveryError `INPUT_INVALID` */
export function hostAndPort(address: string): { host: string; port: number } {
  const [, host = '', digits] = /^\[?(.+?)\]?:(\d{1,5})$/.exec(address) ?? [];
  if (digits !== undefined) return { host, port: Number(digits) };
  throw new RecoveryError('INPUT_INVALID', `${JSON.stringify(address)} is not the address of a Redis`, {
    next: 'Write it as host:port, such as 10.0.0.7:6379.',
  });
}
