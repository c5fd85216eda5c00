const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

// Redis works on bytes: a name that isn't ASCII stands in the manifest as the escapes of its UTF-8 bytes.
const toBytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
const toText = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8');

/**
 * Splits a line into words as Redis does in its configuration and in AOF manifests: `"…"` with backslash escapes, `'…'`
 * with \' only. @returns undefined when quotes don't match
 * @see redis 7.0.15 src/sds.c, sdssplitargs
 */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  let rest = toBytes(line).trim();
  while (rest !== '') {
    // A quoted part may follow plain characters, but after a closing quote a space or the end must come.
    const match = /^([^\s"']*)(?:"((?:[^"\\]|\\[\s\S])*)"|'((?:[^'\\]|\\[\s\S])*)')?(?=\s|$)/.exec(rest);
    if (!match || match[0] === '') return undefined;
    const [all, plain = '', double, single] = match;
    words.push(toText(plain + (double === undefined ? (single ?? '').replaceAll("\\'", "'") : withoutEscapes(double))));
    rest = rest.slice(all.length).trimStart();
  }
  return words;
}

const withoutEscapes = (text: string): string =>
  text.replace(/\\(?:x([0-9a-fA-F]{2})|([\s\S]))/g, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (ESCAPES[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  );

/** A word as `splitWords` and Redis read it back: in quotes only where it needs them. */
export function quoteWord(word: string): string {
  const bytes = toBytes(word);
  if (/^[!#-&(-[\]-~]+$/.test(bytes)) return word; // printable, no space, no quote, no backslash
  const escaped = bytes.replace(/["\\]|[^ -~]/g, (letter) =>
    letter === '"' || letter === '\\' ? `\\${letter}` : `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `"${escaped}"`;
}
