import type { RedisFacts } from '../health-report.ts';
import type { PlannedAction } from './actions.ts';
import type { Observations } from './observations.ts';
import { isPrimaryWithData } from './twins.ts';

/** A former replica that is a primary by now and serves in the place of a Redis that is down. */
export interface Successor {
  address: string;
  keys: number;
}

/** Where in which replication history a Redis was, and when. */
interface Mark {
  at: string;
  replid: string;
  offset: number;
}

/** What a replica may not have got yet when it was promoted. */
const UNDERWAY_BYTES = 64 * 1024;

/** The one that is furthest. One that Redis has left behind, as a copy that was let go long ago, is none. */
export function successorOf(seen: Observations): Successor | undefined {
  const { replicas, beside = [] } = seen;
  const newest = newestMark(seen);
  const primaries = replicas.flatMap(({ address, look: { facts } }) =>
    facts && isPrimaryWithData(facts) && isNotBehind(facts, newest) && !beside.includes(address) ? [{ address, facts }] : [],
  );
  const [furthest] = primaries.toSorted((one, other) => other.facts.replOffset - one.facts.replOffset);
  return furthest && { address: furthest.address, keys: furthest.facts.keys };
}

const isNotBehind = ({ replid, replid2, replOffset }: RedisFacts, newest: Mark | undefined): boolean =>
  newest === undefined || ([replid, replid2].includes(newest.replid) && replOffset + UNDERWAY_BYTES >= newest.offset);

function newestMark({ platform, stored: { backup, log } }: Observations): Mark | undefined {
  const { modifiedAt = '', replid = '', replOffset: offset = 0 } = platform?.data?.rdb ?? {};
  const marks: Mark[] = [
    { at: modifiedAt, replid, offset },
    ...(backup ? [{ at: backup.times.takenAt, ...backup.replication }] : []),
    ...(log ? [{ at: log.storedUpTo, replid: log.replid, offset: log.end }] : []),
  ];
  return marks.filter(({ replid }) => replid !== '').toSorted((one, other) => Date.parse(other.at) - Date.parse(one.at))[0];
}

/** What would start a second primary is asked first. What changes by each write is left out: a person approves the text. */
export function askBesideSuccessor(
  { instance }: Observations,
  { address }: Successor,
  actions: readonly PlannedAction[],
): PlannedAction[] {
  const others = actions.filter(({ action }) => action !== 'promote-replica');
  const last = others.at(-1);
  if (!last) return [];
  const sentences = [
    `${address}, which was a replica of ${instance}, is a primary by now and serves in its place.`,
    `May ${instance} be started beside it all the same? (${last.text})`,
    'Then there are two primaries, and neither gets what the other is told.',
    `Declined or without an answer, ${instance} stays down. ${pointAt(instance, address)}`,
  ];
  const text = `Start ${instance} beside ${address}, which serves in its place.`;
  return [{ action: 'start-beside', text, ask: { question: sentences.join(' '), otherwise: 'stop' } }, ...others];
}

export const pointAt = (instance: string, address: string): string =>
  `Point the applications at ${address}, and url of instances.${instance} too.`;

/** Both ways that there are. */
export const besideSuccessor = (instance: string, { address }: Successor): string[] => [
  pointAt(instance, address),
  `Or have ${instance} serve instead, without what ${address} was told since: \`redis-backup recover ${instance}\`, approve what it asks, and let ${address} take no more writes.`,
];
