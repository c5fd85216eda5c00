const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };
// Not \s: that holds 0xA0, which is the second byte of à.
const SPACE = /[ \t\n\v\f\r\0]/;

/**
 * Splits one line of redis.conf, or of an AOF manifest, into words the way Redis does: `"…"` with \n \r \t \b \a and \xHH, `'…'` with \' only,
 * and a space after each closing quote. Works on bytes: give and take latin1, because CONFIG REWRITE writes ü as \xc3\xbc.
 * @returns undefined when the quotes don't match
 * @see redis 7.0.15 src/sds.c, sdssplitargs
 */
export function splitArgs(line: string): string[] | undefined {
  const words: string[] = [];
  let at = 0;
  while (at < line.length) {
    while (at < line.length && SPACE.test(line.charAt(at))) at++;
    if (at >= line.length) break;
    const word = readWord(line, at);
    if (!word) return undefined;
    words.push(word.text);
    at = word.end;
  }
  return words;
}

function readWord(line: string, at: number): { text: string; end: number } | undefined {
  let text = '';
  while (at < line.length && !SPACE.test(line.charAt(at))) {
    const quote = line.charAt(at);
    if (quote !== '"' && quote !== "'") {
      text += quote;
      at++;
      continue;
    }
    const quoted = quote === '"' ? readDoubleQuoted(line, at + 1) : readSingleQuoted(line, at + 1);
    if (!quoted) return undefined;
    if (quoted.end < line.length && !SPACE.test(line.charAt(quoted.end))) return undefined;
    return { text: text + quoted.text, end: quoted.end };
  }
  return { text, end: at };
}

function readDoubleQuoted(line: string, at: number): { text: string; end: number } | undefined {
  let text = '';
  while (at < line.length) {
    const char = line.charAt(at);
    const hex = /^\\x([0-9a-fA-F]{2})/.exec(line.slice(at, at + 4))?.[1];
    if (hex !== undefined) {
      text += String.fromCharCode(Number.parseInt(hex, 16));
      at += 4;
    } else if (char === '\\' && at + 1 < line.length) {
      const escaped = line.charAt(at + 1);
      text += ESCAPES[escaped] ?? escaped;
      at += 2;
    } else if (char === '"') {
      return { text, end: at + 1 };
    } else {
      text += char;
      at++;
    }
  }
  return undefined;
}

function readSingleQuoted(line: string, at: number): { text: string; end: number } | undefined {
  let text = '';
  while (at < line.length) {
    if (line.startsWith("\\'", at)) {
      text += "'";
      at += 2;
    } else if (line.charAt(at) === "'") {
      return { text, end: at + 1 };
    } else {
      text += line.charAt(at);
      at++;
    }
  }
  return undefined;
}

/** The word as a double-quoted argument, so that it survives `splitArgs` unchanged. */
export const quoteArg = (word: string): string =>
  `"${word.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/\t/g, '\\t')}"`;
