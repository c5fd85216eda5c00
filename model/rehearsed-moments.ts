import type { ClassKeys, DatabaseKeys, RehearsedMoment } from './rehearsal.ts';

/** Fewer keys than this at once are no destructive moment: a tenth of what is there, at least one and at most a thousand. */
export const manyOf = (keys: number): number => Math.min(1_000, Math.max(1, Math.floor(keys / 10)));

/** So many are told; of the others only how many they are. */
export const MOST_MOMENTS = 20;

/**
 * What went between two counts, in the databases that lost some; undefined: too little to be called a moment. What came
 * at the same time in place of it does not make up for it.
 */
export function takenBetween(
  before: readonly DatabaseKeys[],
  after: readonly DatabaseKeys[],
): Pick<RehearsedMoment, 'db' | 'keysBefore' | 'keysAfter' | 'took'> | undefined {
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
  if (!worst || sum(({ lost }) => lost) < manyOf(keysBefore)) return undefined;
  const took = new Map<string, number>();
  for (const { name, keys } of losses.flatMap((loss) => loss.took)) took.set(name, (took.get(name) ?? 0) + keys);
  return {
    db: worst.db,
    keysBefore,
    keysAfter: sum(({ keysAfter: keys }) => keys),
    took: [...took].map(([name, keys]) => ({ name, keys })),
  };
}

interface Loss {
  db: number;
  keysBefore: number;
  keysAfter: number;
  lost: number;
  took: ClassKeys[];
}

function lossOf({ db, keys: keysBefore, classes }: DatabaseKeys, after: DatabaseKeys | undefined): Loss {
  const left = (name: string): number => after?.classes.find((one) => one.name === name)?.keys ?? 0;
  const took = classes.map(({ name, keys }) => ({ name, keys: keys - left(name) })).filter(({ keys }) => keys > 0);
  return { db, keysBefore, keysAfter: after?.keys ?? 0, lost: took.reduce((sum, { keys }) => sum + keys, 0), took };
}
