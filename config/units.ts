const MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 } as const;

const MAX_DIGITS = 9; // 999,999,999 days or TiB still fit a double exactly

/** What `parseDuration` takes, for messages. */
export const DURATION_ALLOWED = 'a whole number and s, m, h or d, such as 90s, 6h or 7d';
/** What `parseSize` takes, for messages. */
export const SIZE_ALLOWED = 'a whole number and B, KiB, MiB, GiB or TiB (or kB, MB, GB, TB), such as 4GiB';

/** Milliseconds of `90s`, `15m`, `6h` or `7d`; `undefined` for anything else. No fractions, no sums, no bare numbers. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined || digits.length > MAX_DIGITS) return undefined;
  return Number(digits) * MS[unit as keyof typeof MS];
}

/** Bytes of `512MiB` or `4GB`; `undefined` for anything else. A bare number is refused: nobody knows its unit. */
export function parseSize(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)([A-Za-z]+)$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined || digits.length > MAX_DIGITS || !Object.hasOwn(BYTES, unit)) return undefined;
  return Number(digits) * BYTES[unit as keyof typeof BYTES];
}
