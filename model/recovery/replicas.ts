import { formatCount } from '../format.ts';
import type { RedisFacts } from '../health-report.ts';
import type { NotReplica, ReplicaObservation } from './observations.ts';

/** What tells a replica of one Redis from any other server. */
export interface KnownHistory {
  /** Replication ids that its data has had: by itself, its files, its newest backup and its continuous log. */
  replids: readonly string[];
  /** `host:port`, as its replicas may have been told. */
  addresses: readonly string[];
  /** Of one that lives as a primary. */
  current?: string;
}

const LOOPBACK = /^(?:localhost|127\.[\d.]+|::1)$/;

export const isLoopback = (host: string): boolean => LOOPBACK.test(host);

/**
 * Why a server is not proven to be a replica of this Redis, or one that was promoted or detached; `undefined`: it is one. Whoever
 * follows a living Redis that is another one belongs to that, whatever data it has.
 */
export function whyNotReplica(address: string, facts: RedisFacts, known: KnownHistory): string | undefined {
  const { role, replid, replid2, primaryLinkUp } = facts;
  const primary = followed(address, facts);
  if (primary !== undefined && known.addresses.includes(primary)) return undefined;
  const isOfHistory = [replid, replid2].some((id) => id !== undefined && known.replids.includes(id));
  if (role === 'slave' && primaryLinkUp && replid !== known.current) return `follows another Redis, ${facts.primary}`;
  if (isOfHistory) return undefined;
  return role === 'slave' ? `follows another Redis, ${facts.primary}` : 'is a primary of its own';
}

/** Those that are proven to be of this Redis, and the others. One that does not answer is left to be asked again. */
export function partReplicas(
  all: readonly ReplicaObservation[],
  known: KnownHistory,
): { replicas: ReplicaObservation[]; notReplicas: NotReplica[] } {
  const addresses = new Set(known.addresses.map(plain));
  const within = (): KnownHistory => ({ ...known, addresses: [...addresses] });
  const isReplica = ({ address, look }: ReplicaObservation) =>
    !look.facts || whyNotReplica(address, look.facts, within()) === undefined;
  for (let before = -1; before < addresses.size; ) {
    before = addresses.size;
    for (const one of all) if (one.look.facts && isReplica(one)) addresses.add(plain(one.address)); // what follows it is of the same data
  }
  return {
    replicas: all.filter(isReplica),
    notReplicas: all.flatMap(({ address, look: { facts } }) => {
      const why = facts && whyNotReplica(address, facts, within());
      return why === undefined ? [] : [{ address, why }];
    }),
  };
}

/** `127.0.0.1` is the machine of whoever says it. */
function followed(address: string, { primary }: RedisFacts): string | undefined {
  const [host = '', port] = parted(primary ?? '');
  if (primary === undefined) return undefined;
  return isLoopback(host) ? `${parted(plain(address))[0]}:${port}` : plain(primary);
}

const parted = (address: string): string[] => [
  address.slice(0, address.lastIndexOf(':')),
  address.slice(address.lastIndexOf(':') + 1),
];

/** `[::1]:6379` as INFO writes it. */
const plain = (address: string): string => address.replace(/[[\]]/g, '').toLowerCase();

/** Replicas that still have data, the fullest first. */
export const replicasWithData = ({ replicas }: { replicas: readonly ReplicaObservation[] }) =>
  replicas
    .map(({ address, look: { facts } }) => ({ address, keys: facts?.keys ?? 0, replid: facts?.replid ?? '' }))
    .filter(({ keys }) => keys > 0)
    .sort((one, other) => other.keys - one.keys);

export const listReplicas = (all: readonly { address: string; keys: number }[]): string =>
  all.map(({ address, keys }) => `${address} (${formatCount(keys)} keys)`).join(', ');

/** One sentence for each. */
export const leftAlone = (instance: string, all: readonly NotReplica[]): string[] =>
  all.map(({ address, why }) => `${address} is not a replica of ${instance}, it ${why}: left alone.`);
