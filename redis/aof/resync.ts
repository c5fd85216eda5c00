import { type ReadPartOptions, readFilePart } from './part.ts';
import { AofScanner } from './scanner.ts';

/** `*3\r\n$3\r\n`: how each command begins. */
const HEAD = /\*\d{1,7}\r\n\$\d{1,9}\r\n/g;
const LONGEST_HEAD = 32;
/** A place where a command may begin is tried with so much. */
const TRIED_BYTES = 1 << 20;
const MOST_TRIES = 100;

/** In front of where the reading broke, a head may also stand in a value: then so many commands must follow each other. */
const SURE_COMMANDS = 3;

/** A part of a file behind a damage. */
interface Search {
  /** Behind the last whole command: here the damaged one begins. */
  from: number;
  /** Where the reading broke: up to here all may be one command whose length is wrong. */
  brokenAt: number;
  end: number;
}

/** Where the first whole command stands behind a damage, if any does: then more than the end is damaged. */
export async function findWholeCommand(path: string, search: Search, options: ReadPartOptions): Promise<number | undefined> {
  const { from, brokenAt, end } = search;
  let tries = 0;
  let before = '';
  let at = from;
  for await (const chunk of readFilePart(path, from, end, options)) {
    const text = before + chunk.toString('latin1');
    const base = at - before.length;
    for (const { index } of text.matchAll(HEAD)) {
      const start = base + index;
      const isBehind = start >= brokenAt;
      if (isBehind && ++tries > MOST_TRIES) return start; // so many heads are no accident
      if (start > from && (await isWhole(path, start, end, isBehind ? 1 : SURE_COMMANDS, options))) return start;
    }
    at += chunk.length;
    before = text.slice(-LONGEST_HEAD);
  }
  return undefined;
}

/** So many commands, or fewer and then the end of the file. */
async function isWhole(path: string, from: number, end: number, commands: number, options: ReadPartOptions): Promise<boolean> {
  const scanner = new AofScanner(from);
  for await (const chunk of readFilePart(path, from, Math.min(end, from + TRIED_BYTES), options)) {
    scanner.feed(chunk);
    if (scanner.commands >= commands) return true;
    if (scanner.broken !== undefined) return false;
  }
  return scanner.commands > 0 && scanner.boundary === end;
}
