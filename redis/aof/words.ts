import { splitArgs } from '../../model/split-args.ts';

// Redis works on bytes: a name that isn't ASCII stands in the manifest as the escapes of its UTF-8 bytes.
const toBytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
const toText = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8');

/** Splits a line of an AOF manifest into words. @returns undefined when quotes don't match */
export const splitWords = (line: string): string[] | undefined => splitArgs(toBytes(line))?.map(toText);

/** A word as `splitWords` and Redis read it back: in quotes only where it needs them. */
export function quoteWord(word: string): string {
  const bytes = toBytes(word);
  if (/^[!#-&(-[\]-~]+$/.test(bytes)) return word; // printable, no space, no quote, no backslash
  const escaped = bytes.replace(/["\\]|[^ -~]/g, (letter) =>
    letter === '"' || letter === '\\' ? `\\${letter}` : `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `"${escaped}"`;
}
