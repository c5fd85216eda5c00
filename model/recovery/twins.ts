import { formatBytes, formatCount, formatCountOf } from '../format.ts';
import type { RedisFacts } from '../health-report.ts';
import type { Observations } from './observations.ts';

/** Another primary of the history of a Redis that lives, and is one, too. */
export interface Twin {
  address: string;
  keys: number;
  replOffset: number;
  /** Up to this offset of their common history it has what the other has. Absent: it does not say. */
  commonOffset?: number;
  /** When it was a replica by a backup or a measurement for the last time. ISO 8601; absent: none of the last day has it. */
  followedAt?: string;
}

/** Those that are proven to be of its history, the fullest first, but for those that this recovery has let go itself. */
export function twinsOf(
  { replicas, beside = [], stored }: Pick<Observations, 'replicas' | 'beside' | 'stored'>,
  own: RedisFacts | undefined,
): Twin[] {
  if (own?.role !== 'master') return [];
  return replicas
    .flatMap(({ address, look: { facts } }) =>
      facts && isPrimaryWithData(facts) && facts.runId !== own.runId && !beside.includes(address) ? [{ address, facts }] : [],
    )
    .map(({ address, facts }) => twinOf(address, facts, own, stored.followedAt?.[address]))
    .sort((one, other) => other.keys - one.keys);
}

export const isPrimaryWithData = ({ role, keys, loading }: RedisFacts): boolean => role === 'master' && keys > 0 && !loading;

/** @param own - of the Redis beside which it is one */
export function twinOf(address: string, facts: RedisFacts, own: RedisFacts, followedAt?: string): Twin {
  const { keys, replOffset, replid2, secondOffset } = facts;
  const isOfPresent = replid2 !== undefined && replid2 === own.replid && secondOffset !== undefined;
  return {
    address,
    keys,
    replOffset,
    ...(isOfPresent ? { commonOffset: secondOffset - 1 } : {}),
    ...(followedAt === undefined ? {} : { followedAt }),
  };
}

/** One sentence with the figures of both. */
export function twinText(instance: string, own: Pick<RedisFacts, 'keys' | 'replOffset'>, twin: Twin): string {
  const { address, keys, replOffset, commonOffset, followedAt } = twin;
  const since =
    commonOffset === undefined
      ? 'since when is not known'
      : `alone since offset ${formatCount(commonOffset)}, and what ${instance} was told since then (${formatBytes(Math.max(0, own.replOffset - commonOffset))}) it lacks`;
  const measured = followedAt === undefined ? '' : `, a replica at ${followedAt} for the last time that is known`;
  return `Two primaries of one history: beside ${instance} (${formatCountOf(own.keys, 'key')}, offset ${formatCount(own.replOffset)}) ${address}, which was its replica, is a primary by now, with ${formatCountOf(keys, 'key')} at offset ${formatCount(replOffset)}: ${since}${measured}.`;
}

export const twinClients = (all: readonly Twin[]): string =>
  all.map(({ address }) => ` ${address} answers as a primary, too: what one is told the other does not get.`).join('');

export const twinAdvice = (instance: string, { address }: Twin): string =>
  `Two primaries, ${instance} and ${address}: find out which of them the applications write to, and let the other take no more writes. Nothing is done to either: \`REPLICAOF\` on one replaces all that it has, so back it up before.`;
