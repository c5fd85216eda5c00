/** Repeatable randomness for storms: print the seed, and a failure can be had again. */
export interface Random {
  readonly seed: number;
  /** At least 0, below 1. */
  next(): number;
  /** A whole number, at least 0, below `limit`. */
  below(limit: number): number;
  pick<T>(choices: readonly T[]): T;
}

/** mulberry32: 32 bits of state are enough for a test. */
export function randomFrom(seed = Number(process.env.SEED) || Math.floor(Math.random() * 2 ** 31)): Random {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return { seed, next, below, pick: (choices) => choices[below(choices.length)] as (typeof choices)[number] };
}
