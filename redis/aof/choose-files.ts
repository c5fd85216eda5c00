import type { AofFile } from './manifest.ts';

/** What the names in an append-only directory say of its log, or why they don't say enough. */
export type ChosenFiles = { files: AofFile[]; unclear?: undefined } | { files?: undefined; unclear: string };

/**
 * Finds the log among the names of a directory whose manifest is lost: the base with the highest number, and every increment
 * that can follow it. Redis gives an increment a new number at each rewrite that it begins, and a base at each that succeeds:
 * an increment never has a lower number than the base that it follows.
 * Refuses where several readings remain: an increment loaded twice, or left out, is wrong data that looks right.
 * @param own - files that another, younger log of the same directory names, which an empty Redis began: they are no part of this
 * @see redis 7.0.15 src/aof.c, rewriteAppendOnlyFileBackground and backgroundRewriteDoneHandler
 */
export function chooseAofFiles(
  names: readonly string[],
  appendfilename: string,
  own: ReadonlySet<string> = new Set(),
): ChosenFiles {
  const found = names.flatMap((name) => aofFileOf(name, appendfilename) ?? []).filter(({ name }) => !own.has(name));
  const bases = found.filter(({ type }) => type === 'base').sort(byFallingSeq);
  const [base, second] = bases;
  if (!base) return { unclear: 'none of its files is a base' };
  if (second?.seq === base.seq) return { unclear: `${base.name} and ${second.name} have the same number` };
  const incrs = found.filter(({ type, seq }) => type === 'incr' && seq >= base.seq).sort(byFallingSeq);
  incrs.reverse();
  const hole = incrs.find(({ seq }, at) => at > 0 && seq !== (incrs[at - 1]?.seq ?? 0) + 1);
  if (hole) return { unclear: `the increment before ${hole.name} is missing` };
  if (second && incrs.length > 1) {
    const which = incrs.map(({ name }) => name).join(', ');
    return {
      unclear: `${second.name} of an earlier log is there too, and so it is not certain which of ${which} follow ${base.name}`,
    };
  }
  return { files: [base, ...incrs] };
}

const byFallingSeq = (one: AofFile, other: AofFile): number => other.seq - one.seq;

/** A log of Redis 6 that was taken over is the first base, under its old name. */
export function aofFileOf(name: string, appendfilename: string): AofFile | undefined {
  if (name === appendfilename) return { name, seq: 1, type: 'base' };
  if (!name.startsWith(`${appendfilename}.`)) return undefined;
  const [, digits, type] = /^(\d{1,15})\.(base|incr)\.(?:rdb|aof)$/.exec(name.slice(appendfilename.length + 1)) ?? [];
  const seq = Number(digits);
  if (type === undefined || seq < 1) return undefined;
  return { name, seq, type: type as 'base' | 'incr' };
}
