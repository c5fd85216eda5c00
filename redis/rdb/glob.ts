/**
 * Redis' glob patterns (`*`, `?`, `[a-z]`, `[^x]`, `\x`) compiled to match bytes in place.
 * @see redis 7.0.15 src/util.c, stringmatchlen: the oddities of brackets below are its own
 */

const ANY = -1;
const STAR = -2;
/** A set is ANY_OF minus its index. */
const ANY_OF = -3;

export interface Glob {
  /** Bytes that every match begins with. */
  readonly prefix: Uint8Array;
  /** What follows the prefix: nothing, anything, or `matchesRest` must say. */
  readonly rest: 'nothing' | 'anything' | 'pattern';
  /** Whether bytes[start, end) match what follows the prefix. */
  matchesRest(bytes: Uint8Array, start: number, end: number): boolean;
}

export function compileGlob(pattern: string): Glob {
  const { tokens, sets } = parse(Buffer.from(pattern));
  const special = tokens.findIndex((token) => token < 0);
  const literals = special < 0 ? tokens.length : special;
  const rest = Int16Array.from(tokens.slice(literals));
  return {
    prefix: Uint8Array.from(tokens.slice(0, literals)),
    rest: rest.length === 0 ? 'nothing' : rest.length === 1 && rest[0] === STAR ? 'anything' : 'pattern',
    matchesRest: (bytes, start, end) => matches(rest, sets, bytes, start, end),
  };
}

function parse(pattern: Uint8Array): { tokens: number[]; sets: Uint8Array[] } {
  const tokens: number[] = [];
  const sets: Uint8Array[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const letter = String.fromCharCode(pattern[at] as number);
    if (letter === '*') {
      if (tokens.at(-1) !== STAR) tokens.push(STAR);
    } else if (letter === '?') tokens.push(ANY);
    else if (letter === '[') {
      const { set, last } = parseSet(pattern, at + 1);
      tokens.push(ANY_OF - sets.length);
      sets.push(set);
      at = last;
    } else {
      if (letter === '\\' && at + 1 < pattern.length) at += 1;
      tokens.push(pattern[at] as number);
    }
  }
  return { tokens, sets };
}

/** From behind the bracket on. One that is not closed ends with the pattern; `[a-]` is the range from a to the bracket. */
function parseSet(pattern: Uint8Array, start: number): { set: Uint8Array; last: number } {
  const set = new Uint8Array(256);
  const is = (at: number, letter: string): boolean => pattern[at] === letter.charCodeAt(0);
  const inverted = is(start, '^');
  let at = inverted ? start + 1 : start;
  for (; at < pattern.length && !is(at, ']'); at++) {
    const first = pattern[at] as number;
    if (is(at, '\\') && at + 1 < pattern.length) set[pattern[++at] as number] = 1;
    else if (is(at + 1, '-') && at + 2 < pattern.length) {
      const second = pattern[at + 2] as number;
      set.fill(1, Math.min(first, second), Math.max(first, second) + 1);
      at += 2;
    } else set[first] = 1;
  }
  return { set: inverted ? set.map((found) => 1 - found) : set, last: Math.min(at, pattern.length - 1) };
}

/** A star takes nothing at first and one byte more each time that the rest fails; only the last star needs to be tried again. */
function matches(tokens: Int16Array, sets: Uint8Array[], bytes: Uint8Array, start: number, end: number): boolean {
  let token = 0;
  let at = start;
  let afterStar = -1;
  let starEnd = start;
  while (at < end) {
    const wanted = tokens[token];
    if (wanted === STAR) {
      afterStar = ++token;
      starEnd = at;
    } else if (wanted !== undefined && fits(wanted, sets, bytes[at] as number)) {
      token += 1;
      at += 1;
    } else {
      if (afterStar < 0) return false;
      token = afterStar;
      at = ++starEnd;
    }
  }
  if (tokens[token] === STAR) token += 1;
  return token === tokens.length;
}

const fits = (wanted: number, sets: Uint8Array[], byte: number): boolean =>
  wanted >= 0 ? wanted === byte : wanted === ANY || sets[ANY_OF - wanted]?.[byte] === 1;
