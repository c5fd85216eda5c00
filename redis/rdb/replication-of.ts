import { RecoveryError } from '../../model/errors.ts';
import { firstBytes } from '../aof/part.ts';
import { RdbError } from './errors.ts';
import { KeyClasses } from './key-classes.ts';
import { Tally } from './tally.ts';
import { Walker } from './walker.ts';

/** Auxiliary fields come before everything else. */
const BEGIN_BYTES = 4096;

/**
 * Where in which replication history an RDB was saved. Reads its first bytes only.
 * @returns nothing of a Redis that had no replica, nor of a file that is no RDB
 */
export async function replicationOf(path: string): Promise<{ replid?: string; replOffset?: number }> {
  const tally = new Tally([], 0);
  try {
    new Walker(new KeyClasses([]), tally).feed(await firstBytes(path, BEGIN_BYTES));
  } catch (error) {
    if (!(error instanceof RdbError) && !(error instanceof RecoveryError)) throw error; // what is wrong with it is told where it is read whole
  }
  const [replid, offset] = [tally.aux.get('repl-id'), Number(tally.aux.get('repl-offset'))];
  return { ...(replid === undefined ? {} : { replid }), ...(Number.isSafeInteger(offset) ? { replOffset: offset } : {}) };
}
