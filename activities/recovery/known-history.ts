import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { RedisFacts } from '../../model/health-report.ts';
import type { PlatformObservations, RepositoryObservations } from '../../model/recovery/observations.ts';
import { isLoopback, type KnownHistory } from '../../model/recovery/replicas.ts';
import type { RedisConnection } from '../../redis/client/connection.ts';
import { bounded } from './bounded.ts';

const NAME_MS = 1_500;

/** By what a replica of this Redis is told from any other server. @param facts - what it says of itself, where it could be asked */
export const knownHistory = (
  addresses: readonly string[],
  facts: RedisFacts | undefined,
  platform: PlatformObservations | undefined,
  stored: RepositoryObservations,
): KnownHistory => ({
  addresses,
  replids: [
    facts?.replid,
    facts?.replid2,
    platform?.data?.rdb?.replid,
    stored.backup?.replication.replid,
    stored.log?.replid,
  ].filter((id): id is string => id !== undefined && id !== ''),
  ...(facts?.role === 'master' ? { current: facts.replid } : {}),
});

/** `host:port` as replicas may have been told: as we are, by its IP addresses, and where it is on this machine by all of ours. */
export async function addressesOf({ host, port, own }: RedisConnection): Promise<string[]> {
  const { value = [] } = await bounded(`the address of ${host}`, NAME_MS, () => lookup(host, { all: true }));
  const ours = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
  const hosts = [host.toLowerCase(), ...value.map(({ address }) => address)];
  const isHere = hosts.some((one) => isLoopback(one) || ours.includes(one));
  const ports = [...new Set([port, own?.port ?? port])];
  return [...new Set(isHere ? [...hosts, ...ours] : hosts)].flatMap((one) => ports.map((at) => `${one}:${at}`));
}
