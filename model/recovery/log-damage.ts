import { formatCount, formatDuration } from '../format.ts';

/**
 * What stands behind the last whole command of a log that Redis cannot read to its end.
 *
 * zeros             the file had grown and its blocks were not written: a power failure
 * cut-command       it ends within a command; Redis cuts that itself with `aof-load-truncated yes`
 * open-transaction  it ends between MULTI and EXEC; the same
 * garbage           anything else
 * checksum          the RDB that it begins with is another than was written
 */
export type DamageKind = 'zeros' | 'cut-command' | 'open-transaction' | 'garbage' | 'checksum';

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
  /** Of a damage in the middle: what follows it. */
  behind?: Behind;
  /** Of all files together, in front of the damage. */
  usableBytes: number;
  /** When the last whole command was written, by the annotations of `aof-timestamp-enabled`. ISO 8601. */
  lastWriteAt?: string;
  /** When the last file was last changed. ISO 8601. */
  changedAt: string;
  /** Cutting it has been tried and is no way. */
  unmendable?: string;
  /** For want of so much room; where there is so much it can be tried again. */
  needsBytes?: number;
  /** This Redis cuts nothing by itself (`aof-load-truncated no`). */
  isRefused?: true;
}

export interface Behind {
  /** Where the commands go on: a file and the place in it. */
  name: string;
  at: number;
  /** From there to the end of the log. */
  bytes: number;
  /** When the last of them was written, by the annotations. ISO 8601. */
  lastWriteAt?: string;
}

/** What Redis drops by itself as it starts, unless its `aof-load-truncated` is `no`. */
export const isCutByRedis = ({ kind, where, isRefused }: LogDamage): boolean =>
  !isRefused && where === 'end' && (kind === 'cut-command' || kind === 'open-transaction');

const KINDS: Readonly<Record<DamageKind, string>> = {
  zeros: 'zeros, as a power failure leaves them',
  'cut-command': 'a command that is cut short',
  'open-transaction': 'a transaction without its end',
  garbage: 'bytes that are no command',
  checksum: 'an RDB that does not match its checksum',
};

/** One sentence. */
export function damageText({ name, kind, wholeBytes, badBytes, behind }: LogDamage): string {
  if (kind === 'checksum') return `${name}, the base of the log, does not match its checksum: something in it is damaged.`;
  const what = `${name} is whole up to byte ${formatCount(wholeBytes)}; behind that stand ${KINDS[kind]}`;
  if (!behind) return `${what}: ${formatCount(badBytes)} bytes, the end of the log.`;
  const place = behind.name === name ? `byte ${formatCount(behind.at)}` : `the beginning of ${behind.name}`;
  return `${what}, and from ${place} on more commands, ${formatCount(behind.bytes)} bytes to the end of the log.`;
}

type Cut = Pick<LogDamage, 'name' | 'kind' | 'wholeBytes' | 'badBytes' | 'behind' | 'lastWriteAt' | 'changedAt'>;

/** How much is lost with what is cut, in one clause. */
export function cutText(damage: Cut): string {
  const { name, wholeBytes, badBytes, behind } = damage;
  if (!behind) return `${formatCount(badBytes)} bytes are cut off its end; ${timeText(damage)}`;
  return `what stands behind byte ${formatCount(wholeBytes)} of ${name}, in its middle, is left out: ${formatCount(badBytes)} bytes, ${formatCount(behind.bytes)} of them commands that follow the damage; ${timeText(damage)}`;
}

/** How many seconds of writes these are, where it can be told. */
function timeText({ kind, behind, lastWriteAt, changedAt }: Cut): string {
  if (lastWriteAt === undefined) {
    const unknown = 'how many seconds of writes these were cannot be told, because the log has no times';
    // What a Redis or a machine that ends leaves was never acknowledged as being on the disk.
    return behind || kind === 'garbage' ? unknown : `${unknown} (about 1 s with appendfsync everysec)`;
  }
  const to = behind?.lastWriteAt ?? changedAt;
  const lost = formatDuration(Math.max(0, Date.parse(to) - Date.parse(lastWriteAt)));
  return behind?.lastWriteAt === undefined
    ? `${lost} of writes at most: the last command in front of it is of ${lastWriteAt}`
    : `${lost} of writes, those from ${lastWriteAt} to ${to}`;
}
