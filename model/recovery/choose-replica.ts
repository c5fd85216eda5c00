/** A replica that could take over, as it is now. */
export interface Candidate {
  address: string;
  role: 'master' | 'slave';
  keys: number;
  offset: number;
  /** The replication history that it has. */
  lineage: string;
  loading: boolean;
  priority: number;
}

/**
 * The replica that lost least: of the history that has the most keys, the one that is furthest in it. One that its owner never
 * wants promoted (priority 0) only where there is no other. One of that history that is a primary already stays the choice: it
 * was promoted before, perhaps by an attempt whose answer was lost, and may have been written to.
 * @returns undefined if none has data
 */
export function chooseReplica(candidates: readonly Candidate[]): Candidate | undefined {
  const usable = candidates.filter(({ keys, loading }) => keys > 0 && !loading);
  const wanted = usable.filter(({ priority }) => priority > 0);
  const all = (wanted.length > 0 ? wanted : usable).toSorted((one, other) => other.keys - one.keys);
  const [most] = all;
  const related = all.filter(({ lineage }) => lineage === most?.lineage);
  const primaries = related.filter(({ role }) => role === 'master');
  if (primaries.length === 1) return primaries[0];
  return related.toSorted((one, other) => other.offset - one.offset || other.keys - one.keys)[0];
}
