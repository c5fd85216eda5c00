import type { ClassKeys, DatabaseKeys, RehearsedMoment } from './rehearsal.ts';

/** Fewer keys than this at once are no destructive moment: a tenth of what is there, at least one and at most a thousand. */
export const manyOf = (keys: number): number => Math.min(1_000, Math.max(1, Math.floor(keys / 10)));

/** So many are told; of the others only how many they are. A plan stays small: it goes into every undo entry. */
const MOST_MOMENTS = 20;

/** The heaviest of them in their order; of equals those that come last: they are what somebody is looking for. */
export function heaviest<T>(moments: readonly T[], weightOf: (moment: T) => number, most = MOST_MOMENTS): T[] {
  const byWeight = moments.map((moment, at) => ({ moment, at, weight: weightOf(moment) }));
  byWeight.sort((a, b) => b.weight - a.weight || b.at - a.at); // of two that are infinite, NaN: by place
  return byWeight
    .slice(0, most)
    .sort((a, b) => a.at - b.at)
    .map(({ moment }) => moment);
}

/**
 * What went between two counts, in the databases that lost some; undefined: too little to be called a moment. What came
 * at the same time in place of it does not make up for it.
 */
export function takenBetween(
  before: readonly DatabaseKeys[],
  after: readonly DatabaseKeys[],
): Pick<RehearsedMoment, 'db' | 'keysBefore' | 'keysAfter' | 'took' | 'wrote'> | undefined {
  const losses = before
    .map((one) =>
      lossOf(
        one,
        after.find(({ db }) => db === one.db),
      ),
    )
    .filter(({ lost }) => lost > 0);
  const [worst] = losses.toSorted((a, b) => b.lost - a.lost);
  const sum = (of: (loss: Loss) => number): number => losses.reduce((all, loss) => all + of(loss), 0);
  const keysBefore = sum(({ keysBefore: keys }) => keys);
  const lost = sum((loss) => loss.lost);
  if (!worst || lost < manyOf(keysBefore)) return undefined;
  const wrote = sum((loss) => loss.wrote);
  const took = new Map<string, number>();
  for (const { name, keys } of losses.flatMap((loss) => loss.took)) took.set(name, (took.get(name) ?? 0) + keys);
  return {
    db: worst.db,
    keysBefore,
    keysAfter: keysBefore - lost,
    took: [...took].map(([name, keys]) => ({ name, keys })),
    ...(wrote > 0 ? { wrote } : {}),
  };
}

interface Loss {
  db: number;
  keysBefore: number;
  lost: number;
  took: ClassKeys[];
  wrote: number;
}

/** By class: keys of one that came do not make up for those of another that went. */
function lossOf({ db, keys: keysBefore, classes }: DatabaseKeys, after: DatabaseKeys | undefined): Loss {
  const left = (name: string): number => after?.classes.find((one) => one.name === name)?.keys ?? 0;
  const took = classes.map(({ name, keys }) => ({ name, keys: keys - left(name) })).filter(({ keys }) => keys > 0);
  const lost = took.reduce((sum, { keys }) => sum + keys, 0);
  return { db, keysBefore, lost, took, wrote: (after?.keys ?? 0) - (keysBefore - lost) };
}
