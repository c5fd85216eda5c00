import type { RecoveryError } from '../../model/errors.ts';
import { formatBytes } from '../../model/format.ts';
import type { MergedKeys } from '../../model/merge/merge.ts';

/** What became of the keys of one data class. */
export type MergedClass = Omit<MergedKeys, 'promised' | 'standing'>;

export interface MergeReport {
  /** The wanted ones, in the order of the configuration. */
  classes: MergedClass[];
  /** Why it ended before all keys were dealt with. */
  stopped?: string;
  /** Keys that the server has evicted meanwhile, whosever they were. */
  evicted: number;
}

const MOST_REASONS = 5;

/** Counts while keys are merged. */
export class MergeTally {
  readonly #classes: MergedClass[];
  /** Why nothing more is to be tried. */
  stopped: string | undefined;
  evicted = 0;

  constructor(names: readonly string[]) {
    this.#classes = names.map((name) => ({ name, restored: 0, kept: 0, expired: 0, failed: 0, reasons: [] }));
  }

  countRestored(index: number): void {
    this.#at(index).restored += 1;
  }

  countKept(index: number): void {
    this.#at(index).kept += 1;
  }

  countExpired(indexes: readonly number[]): void {
    for (const index of indexes) this.#at(index).expired += 1;
  }

  countFailed(index: number, error: RecoveryError, payload: Buffer): void {
    this.#fail(index, reasonOf(error, payload));
  }

  countTooLarge(index: number, payload: Buffer): void {
    this.#fail(index, `a value of ${formatBytes(payload.length)} is more than Redis takes from one client at once`);
  }

  #fail(index: number, reason: string): void {
    const found = this.#at(index);
    found.failed += 1;
    const known = found.reasons.find((one) => one.reason === reason);
    if (known) known.keys += 1;
    else if (found.reasons.length < MOST_REASONS) found.reasons.push({ reason, keys: 1 });
  }

  get progress(): { keys: number; restored: number } {
    const sum = (of: (one: MergedClass) => number) => this.#classes.reduce((total, one) => total + of(one), 0);
    const restored = sum((one) => one.restored);
    return { keys: restored + sum(({ kept, expired, failed }) => kept + expired + failed), restored };
  }

  report(wanted?: readonly string[]): MergeReport {
    const classes = this.#classes.filter(({ name }) => wanted === undefined || wanted.includes(name));
    return { classes, evicted: this.evicted, ...(this.stopped === undefined ? {} : { stopped: this.stopped }) };
  }

  #at(index: number): MergedClass {
    return this.#classes[index] as MergedClass;
  }
}

/** Redis does not say which of the two it is: the checksum is right, as another Redis has just made it, so it is the version. */
function reasonOf({ message }: RecoveryError, payload: Buffer): string {
  if (!/DUMP payload version or checksum/.test(message)) return message;
  return `${message} (the value has RDB version ${payload.readUInt16LE(payload.length - 10)}, which is newer than this server)`;
}
