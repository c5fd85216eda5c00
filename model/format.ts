/**
 * Numbers as people read them, the same in every message, table and log. Decimal units (1 MB = 1,000,000 bytes), as
 * network and disk figures are given. No locale functions: the text must not depend on the machine, or on the workflow sandbox.
 */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `0 B`, `999 B`, `1.2 kB`, `12.3 MB`, `1.2 GB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '? B';
  if (bytes < 0) return `-${formatBytes(-bytes)}`;
  let value = Math.round(bytes);
  let unit = 0;
  // 999.95, not 1000: what would be printed as "1000.0 kB" is 1.0 MB
  while (value >= (unit === 0 ? 1000 : 999.95) && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `85.0 MB/s`. */
export const formatRate = (bytesPerSecond: number): string => `${formatBytes(bytesPerSecond)}/s`;

/** `1,234,567`. */
export const formatCount = (count: number): string =>
  Number.isFinite(count) ? String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',') : '?';

/** `1,234,567 keys`, `1 key`. */
export const formatCountOf = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

/** `350 ms`, `1.5 s`, `42 s`, `2 min 05 s`, `2 h 03 min`, `3 d 04 h`: the two units that matter. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return '?';
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1).replace(/\.0$/, '')} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${twoDigits(seconds % 60)} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
  const hours = Math.round(ms / 3_600_000);
  return `${Math.floor(hours / 24)} d ${twoDigits(hours % 24)} h`;
}

const twoDigits = (n: number): string => String(n).padStart(2, '0');

/** `2026-08-01 14:05 UTC`, or with seconds `2026-08-01 14:05:59 UTC`. */
const TIME_LENGTHS = { minutes: 16, seconds: 19, milliseconds: 23 } as const;

export function formatTime(ms: number, precision: 'minutes' | 'seconds' | 'milliseconds' = 'minutes'): string {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return 'an unknown time';
  return `${date.toISOString().slice(0, TIME_LENGTHS[precision]).replace('T', ' ')} UTC`;
}

/** `1,200`, or `1,100 to 1,200`, or `at most 1,200` when nothing is certain. */
export function formatBounds({ atLeast, atMost }: { atLeast: number; atMost: number }): string {
  if (atLeast === atMost) return formatCount(atLeast);
  return atLeast === 0 ? `at most ${formatCount(atMost)}` : `${formatCount(atLeast)} to ${formatCount(atMost)}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function formatList(items: readonly string[]): string {
  if (items.length < 2) return items[0] ?? '';
  return `${items.slice(0, -1).join(', ')} and ${items[items.length - 1]}`;
}

/** When something passed: a moment, or, for what came late to the archive, the time that it passed in. */
export const passedText = (atMs: number, sinceMs: number | undefined): string =>
  sinceMs === undefined
    ? formatTime(atMs, 'milliseconds')
    : `between ${formatTime(sinceMs, 'seconds')} and ${formatTime(atMs, 'seconds')}`;
