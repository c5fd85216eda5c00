import { formatBytes, formatCount, formatDuration } from './format.ts';

/**
 * What stands behind the last whole command of a log that Redis cannot read to its end.
 *
 * zeros             the file had grown and its blocks were not written: a power failure
 * cut-command       it ends within a command; Redis cuts that itself with `aof-load-truncated yes`
 * open-transaction  it ends between MULTI and EXEC; the same
 * garbage           anything else
 */
export type DamageKind = 'zeros' | 'cut-command' | 'open-transaction' | 'garbage';

/** Where the files of an append-only log can no longer be read, by our own reading of them. */
export interface LogDamage {
  /** The file that it is in. */
  name: string;
  kind: DamageKind;
  /** Up to here the file is whole. */
  wholeBytes: number;
  /** Behind that, in this file and in those that follow it. */
  badBytes: number;
  /** `middle`: whole commands follow, so that writes are lost with what is cut. `end`: nothing that could be used. */
  where: 'end' | 'middle';
  /** Of all files together, in front of the damage. */
  usableBytes: number;
  /** When the last whole command was written, by the annotations of `aof-timestamp-enabled`. ISO 8601. */
  lastWriteAt?: string;
  /** When the damaged file was last changed. ISO 8601. */
  changedAt: string;
  /** Cutting it has been tried and is no way. */
  unmendable?: string;
  /** For want of so much room; where there is so much it can be tried again. */
  needsBytes?: number;
}

/** What Redis drops by itself as it starts, unless its `aof-load-truncated` is `no`. */
export const isCutByRedis = ({ kind, where }: LogDamage): boolean =>
  where === 'end' && (kind === 'cut-command' || kind === 'open-transaction');

const KINDS: Readonly<Record<DamageKind, string>> = {
  zeros: 'zeros, as a power failure leaves them',
  'cut-command': 'a command that is cut short',
  'open-transaction': 'a transaction without its end',
  garbage: 'bytes that are no command',
};

/** One sentence. */
export function damageText(damage: LogDamage): string {
  const { name, kind, wholeBytes, badBytes, where } = damage;
  const what = `${name} is whole up to byte ${formatCount(wholeBytes)}; behind that stand ${KINDS[kind]}`;
  return where === 'end'
    ? `${what}: ${formatCount(badBytes)} bytes, the end of the log.`
    : `${what}, and more commands after them: ${formatBytes(badBytes)} in all.`;
}

/** How much is lost with what is cut, in one clause. */
export function cutText({ badBytes, lastWriteAt, changedAt }: Pick<LogDamage, 'badBytes' | 'lastWriteAt' | 'changedAt'>): string {
  const bytes = `${formatCount(badBytes)} bytes`;
  if (lastWriteAt === undefined)
    return `${bytes} are cut; how many seconds of writes these were cannot be told, because the log has no times (about 1 s with appendfsync everysec)`;
  const ms = Math.max(0, Date.parse(changedAt) - Date.parse(lastWriteAt));
  return `${bytes} are cut, ${formatDuration(ms)} of writes at most: its last whole command is of ${lastWriteAt}`;
}
