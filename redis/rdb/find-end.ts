import { RdbError } from './errors.ts';
import { KeyClasses } from './key-classes.ts';
import { Tally } from './tally.ts';
import { Walker } from './walker.ts';

/**
 * Where an RDB ends that may have more behind it, as in an append-only file with a preamble. Its checksum is not looked at.
 * @returns the byte after its trailer; undefined if that cannot be found: it is cut short, or has a type that is not known
 * @throws RecoveryError `RDB_FOREIGN`
 */
export async function findRdbEnd(file: AsyncIterable<Buffer>): Promise<number | undefined> {
  const walker = new Walker(new KeyClasses([]), new Tally([], 0));
  try {
    for await (const chunk of file) walker.feed(chunk);
  } catch (error) {
    if (!(error instanceof RdbError)) throw error;
  }
  // Also where it has stopped because more follows the end. Bytes that it was to skip may lie beyond the file: see the caller.
  return walker.isAtEnd(walker.offset) ? walker.offset : undefined;
}
