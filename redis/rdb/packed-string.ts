import { INT8, INT16, LZF } from './cursor.ts';

/**
 * Writes a string that is not stored as its bytes, a number or LZF, into `out`.
 * @param length - bytes from `start` on that are there; of an LZF string there may be more in the file
 * @returns how many bytes it has; with LZF at most `out.length`, for the rest is not unpacked. -1: damaged.
 */
export function unpackString(encoding: number, bytes: Uint8Array, start: number, length: number, out: Uint8Array): number {
  return encoding === LZF ? unpackLzf(bytes, start, start + length, out) : writeNumber(readNumber(encoding, bytes, start), out);
}

function readNumber(encoding: number, bytes: Uint8Array, start: number): number {
  const at = (index: number): number => bytes[start + index] as number;
  if (encoding === INT8) return (at(0) << 24) >> 24;
  const low = at(0) | (at(1) << 8);
  return encoding === INT16 ? (low << 16) >> 16 : low | (at(2) << 16) | (at(3) << 24);
}

/** In decimal digits, as the client gave it. Without a JavaScript string: keys can be numbers, millions of them. */
function writeNumber(value: number, out: Uint8Array): number {
  let rest = Math.abs(value);
  let at = value < 0 ? 1 : 0;
  for (let power = rest; power >= 10; power = Math.floor(power / 10)) at += 1;
  const written = at + 1;
  for (; at >= 0; at--) {
    out[at] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  if (value < 0) out[0] = 0x2d;
  return written;
}

/**
 * A run of literals, or a copy of what was already written.
 * @see http://oldhome.schmorp.de/marc/liblzf.html
 */
function unpackLzf(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  let to = 0;
  let at = start;
  while (at < end && to < out.length) {
    const control = bytes[at++] as number;
    if (control < 32) {
      for (let left = control + 1; left > 0 && at < end && to < out.length; left--) out[to++] = bytes[at++] as number;
      continue;
    }
    let left = (control >> 5) + 2;
    if (left === 9) left += at < end ? (bytes[at++] as number) : 0;
    if (at >= end) break; // only a part of the string is here
    let from = to - ((control & 0x1f) << 8) - (bytes[at++] as number) - 1;
    if (from < 0) return -1;
    for (; left > 0 && to < out.length; left--) out[to++] = out[from++] as number;
  }
  return to;
}
