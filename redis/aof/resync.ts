import { type ReadOptions, readFilePart } from './part.ts';
import { AofScanner } from './scanner.ts';

/** `*3\r\n$3\r\n`: how each command begins. */
const HEAD = /\*\d{1,7}\r\n\$\d{1,9}\r\n/g;
const LONGEST_HEAD = 32;
/** A place where a command may begin is tried with so much. */
const TRIED_BYTES = 1 << 20;
const MOST_TRIES = 100;

/** Whether a whole command stands anywhere behind a damage: then more than the end is damaged. */
export async function findWholeCommand(path: string, from: number, end: number, options: ReadOptions): Promise<boolean> {
  let tries = 0;
  let before = '';
  let at = from;
  for await (const chunk of readFilePart(path, from, end, options)) {
    const text = before + chunk.toString('latin1');
    const base = at - before.length;
    for (const { index } of text.matchAll(HEAD)) {
      if (++tries > MOST_TRIES) return true; // so many heads are no accident
      if (await isWhole(path, base + index, end, options)) return true;
    }
    at += chunk.length;
    before = text.slice(-LONGEST_HEAD);
  }
  return false;
}

async function isWhole(path: string, from: number, end: number, options: ReadOptions): Promise<boolean> {
  const scanner = new AofScanner(from);
  for await (const chunk of readFilePart(path, from, Math.min(end, from + TRIED_BYTES), options)) {
    scanner.feed(chunk);
    if (scanner.commands > 0) return true;
    if (scanner.broken !== undefined) return false;
  }
  return false;
}
