/** The pieces of the protocol that a log is written in, and how large they may be. */

/** Of one argument. Redis' own limit, `proto-max-bulk-len`, as it comes. */
export const LONGEST_BULK = 512 * 1024 * 1024;
export const MOST_ARGS = 1024 * 1024;
/** Of a line, and of a name. */
export const LONGEST_LINE = 64 * 1024;

export const LF = 10;
export const CR = 13;
export const HASH = 35;
export const DOLLAR = 36;
export const STAR = 42;
export const isLetter = (byte: number): boolean => (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122);

/**
 * A command as it goes over the wire and stands in a log.
 * @param encoding - `latin1` for words whose characters are the bytes
 */
export const encodeCommand = (words: readonly string[], encoding: 'utf8' | 'latin1' = 'utf8'): Buffer =>
  Buffer.from(`*${words.length}\r\n${words.map((word) => bulk(word, encoding)).join('')}`, encoding);

/** One word of a command, of which the characters are the bytes. */
export const encodeBulk = (word: string): Buffer => Buffer.from(bulk(word, 'latin1'), 'latin1');

const bulk = (word: string, encoding: 'utf8' | 'latin1'): string => `$${Buffer.byteLength(word, encoding)}\r\n${word}\r\n`;

/** What a line such as `*3` or `$5` says, with its carriage return; NaN: it is no such line. */
export const numberOf = (sign: '*' | '$', line: string): number =>
  line.startsWith(sign) && /^\d+\r$/.test(line.slice(1)) ? Number.parseInt(line.slice(1), 10) : Number.NaN;
