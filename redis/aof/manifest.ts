import { RecoveryError } from '../../model/errors.ts';
import { quoteWord, splitWords } from './words.ts';

/** One line of the manifest of a multi-part append-only directory (Redis 7.0 and later). */
export interface AofFile {
  /** Name inside the directory; never a path. */
  name: string;
  seq: number;
  /** `base`: the data at a moment. `incr`: the commands since. `history`: replaced, about to be deleted by Redis. */
  type: 'base' | 'incr' | 'history';
  /** Redis 8: replication offset at its begin, and at its end where it is known. */
  startOffset?: number;
  endOffset?: number;
  /** Pairs that we don't know, kept for writing it again. */
  others?: [name: string, value: string][];
}

const TYPES = { b: 'base', i: 'incr', h: 'history' } as const;
const LETTERS = { base: 'b', incr: 'i', history: 'h' } as const;

/**
 * Reads the text of an `….aof.manifest`: pairs of name and value, 6, 8 or 10 words a line as the versions add them.
 * @throws RecoveryError `MANIFEST_INVALID` where Redis would refuse it, and for a name that leads out of the directory
 * @see redis 7.0.15 src/aof.c, aofLoadManifestFromFile
 */
export function parseAofManifest(text: string): AofFile[] {
  const files: AofFile[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    files.push(parseLine(line, index + 1));
  }
  checkOrder(files);
  return files;
}

function parseLine(line: string, number: number): AofFile {
  const invalid = (why: string) => manifestInvalid(`line ${number}: ${why}`);
  const words = splitWords(line);
  if (!words) throw invalid('its quotes do not match');
  if (words.length < 6 || words.length % 2 !== 0) throw invalid(`it has ${words.length} words, not pairs of name and value`);
  const pairs = new Map<string, string>();
  for (let at = 0; at < words.length; at += 2) pairs.set((words[at] ?? '').toLowerCase(), words[at + 1] ?? '');
  const own = ['file', 'seq', 'type', 'startoffset', 'endoffset'];
  const name = pairs.get('file') ?? '';
  const type = TYPES[pairs.get('type') as keyof typeof TYPES];
  if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name)) throw invalid('its file is not a plain file name');
  if (!type) throw invalid(`its type is "${pairs.get('type') ?? ''}", not b, i or h`);
  const integer = (key: string): number | undefined => {
    const value = pairs.get(key);
    if (value === undefined) return undefined;
    if (!/^-?\d+$/.test(value) || !Number.isSafeInteger(Number(value))) throw invalid(`its ${key} is not a number`);
    return Number(value);
  };
  const seq = integer('seq') ?? 0;
  if (seq < 1) throw invalid('its seq is not a positive number');
  const startOffset = integer('startoffset');
  const endOffset = integer('endoffset');
  const others = [...pairs].filter(([key]) => !own.includes(key));
  return {
    name,
    seq,
    type,
    ...(startOffset === undefined ? {} : { startOffset }),
    ...(endOffset === undefined ? {} : { endOffset }),
    ...(others.length === 0 ? {} : { others }),
  };
}

function checkOrder(files: AofFile[]): void {
  if (files.length === 0) throw manifestInvalid('it names no file');
  if (files.filter(({ type }) => type === 'base').length > 1) throw manifestInvalid('it names two base files');
  let last = 0;
  for (const { type, seq } of files) {
    if (type !== 'incr') continue;
    if (seq <= last) throw manifestInvalid('the seq of its incr files does not rise');
    last = seq;
  }
}

/** The text of a manifest, as Redis itself writes it. */
export function formatAofManifest(files: readonly AofFile[]): string {
  return files.map((file) => `${wordsOf(file).join(' ')}\n`).join('');
}

const wordsOf = ({ name, seq, type, startOffset, endOffset, others = [] }: AofFile): string[] => [
  ...['file', quoteWord(name), 'seq', `${seq}`, 'type', LETTERS[type]],
  ...(startOffset === undefined ? [] : ['startoffset', `${startOffset}`]),
  ...(endOffset === undefined ? [] : ['endoffset', `${endOffset}`]),
  ...others.flatMap(([key, value]) => [key, quoteWord(value)]),
];

const manifestInvalid = (why: string): RecoveryError =>
  new RecoveryError('MANIFEST_INVALID', `the manifest of the append-only directory is not usable: ${why}`, {
    next: 'Redis refuses it too: rebuild it from the names of the files beside it, or restore a backup.',
  });
