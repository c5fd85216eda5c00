/** What Redis logs once it has loaded an RDB. Figures that INFO has from 7.0 on; 6.2 has only this line. */
export interface LoadFigures {
  keysLoaded: number;
  keysExpired: number;
  /** Lists, sets and hashes without a member, remains of an old fault of Redis: dropped in silence, they held nothing. */
  emptyKeysSkipped: number;
}

/** @see redis src/rdb.c, rdbLoadRio: the same text in 6.2.14, 7.0.15, 7.4.0 and 8.0 */
const DONE = /Done loading RDB, keys loaded: (\d+), keys expired: (\d+)(?:, empty keys skipped: (\d+))?\./;

/**
 * Finds the figures of the last load in a server's log.
 * @param lines - oldest first
 * @param pid - of the process that loaded; lines of its forerunners in the same log are passed over
 */
export function loadFiguresOf(lines: readonly string[], pid: number): LoadFigures | undefined {
  const done = lines.findLast((line) => line.startsWith(`${pid}:`) && DONE.test(line));
  const [, loaded, expired, skipped] = DONE.exec(done ?? '') ?? [];
  if (loaded === undefined || expired === undefined) return undefined;
  return { keysLoaded: Number(loaded), keysExpired: Number(expired), emptyKeysSkipped: Number(skipped ?? 0) };
}

/** @see redis src/aof.c, loadSingleAppendOnlyFile and loadAppendOnlyFiles: `Truncating the AOF <name> at offset N`, in 6.2 without the name */
const CUT = /Truncating (?:the )?(?:corrupted )?AOF (?:(?:tail of )?(\S+) )?at offset (\d+)/i;
const REVERTED = /Revert incomplete MULTI\/EXEC transaction/;

/**
 * What the last load has cut off or left out, one sentence each.
 * @param lines - oldest first
 * @param pid - of the process that loaded
 * @param bytesBefore - sizes of the logs before it started, by name, where they are known
 */
export function loadWarningsOf(
  lines: readonly string[],
  pid: number,
  bytesBefore: Readonly<Record<string, number>> = {},
): string[] {
  const warnings = new Set<string>();
  for (const line of lines) {
    if (!line.startsWith(`${pid}:`)) continue;
    const [, name, offset] = CUT.exec(line) ?? [];
    if (offset !== undefined) warnings.add(cutText(name, Number(offset), bytesBefore));
    if (REVERTED.test(line)) warnings.add('The append-only log ended within a transaction, and Redis left that transaction out.');
  }
  return [...warnings];
}

function cutText(name: string | undefined, offset: number, bytesBefore: Readonly<Record<string, number>>): string {
  const [only, another] = Object.keys(bytesBefore);
  const file = name?.split('/').at(-1) ?? (another === undefined ? only : undefined);
  const before = file === undefined ? undefined : bytesBefore[file];
  const what = `Redis cut the append-only log${file === undefined ? '' : ` ${file}`} off at byte ${offset}`;
  if (before === undefined || before < offset) return `${what}: how much was behind it is not known.`;
  return `${what}: ${before - offset} bytes are lost.`;
}

/** A command of a log to which a server replied with an error: it went on without it. */
export interface RefusedReply {
  /** As Redis calls it. Of one within a transaction it says `exec`. */
  command: string;
  /** In Redis' words, without the arguments of the command. */
  why: string;
}

/** @see redis src/networking.c, afterErrorReply: the same text in 6.2, 7.0 and 8.2 */
const REPLIED =
  /This \w+ is sending an error to its (AOF-loading-client|master|replica): '-?(.*)' after processing the command '([^']*)'/;
/** Redis has no command to name then; its error has what was asked for. */
const NAMED = /unknown (?:sub)?command '([^']*)'/i;
const ARGUMENTS = /, with args beginning with:.*$/;

/**
 * Errors that a server has replied to where nobody reads replies.
 * @param lines - oldest first
 * @param pid - of the process
 * @returns `inLoad`: to its log, or to its primary. `others`: how many to a replica, which has nothing to do with a load
 */
export function errorRepliesIn(lines: readonly string[], pid: number): { inLoad: RefusedReply[]; others: number } {
  const inLoad: RefusedReply[] = [];
  let others = 0;
  for (const line of lines) {
    const [, to, why = '', command = ''] = (line.startsWith(`${pid}:`) && REPLIED.exec(line)) || [];
    if (to === 'replica') others += 1;
    else if (to !== undefined)
      inLoad.push({
        command: command === '<unknown>' ? (NAMED.exec(why)?.[1] ?? command) : command,
        why: why.replace(ARGUMENTS, ''),
      });
  }
  return { inLoad, others };
}

/** @see redis src/aof.c, loadSingleAppendOnlyFile: in 6.2 without the name of the file */
const UNKNOWN = /Unknown command '([^']*)' reading the append only file/;

/** The command of its own log for which a Redis has ended its start: it has no such command. */
export function unknownCommandIn(lines: readonly string[]): string | undefined {
  return lines.map((line) => UNKNOWN.exec(line)?.[1]).findLast((command) => command !== undefined);
}
