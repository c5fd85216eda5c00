import type { DatabaseKeys, RehearsedMoment } from '../../model/rehearsal.ts';
import { MOST_MOMENTS, manyOf, takenBetween } from '../../model/rehearsed-moments.ts';
import { formatOffset } from '../../model/until.ts';
import { byWeight, EMPTYING, type Suspect } from '../../redis/log/moments.ts';

export interface MomentMeterOptions {
  /** Keys there now, expired ones too: cheap. */
  total(): Promise<number>;
  /** Alive, by database and class: costs as much as a save. */
  count(): Promise<DatabaseKeys[]>;
  /** For all counts together; what is suspected behind that is not looked at closely. Default 2 minutes. */
  budgetMs?: number;
}

/** So many at most are counted, those that name the most keys. */
const MOST_COUNTED = 100;

/** Measures, stop by stop, what each suspected stretch of the log has really taken. */
export class MomentMeter {
  readonly stops: number[];
  readonly moments: RehearsedMoment[] = [];
  /** Found besides, without a close look. */
  more: number;
  readonly #suspects: readonly Suspect[];
  readonly #counted: ReadonlySet<Suspect>;
  readonly #options: MomentMeterOptions;
  readonly #before = new Map<Suspect, { total: number; databases?: DatabaseKeys[] }>();
  #spentMs = 0;

  /** @param dropped - suspects that are not even known */
  constructor(suspects: readonly Suspect[], dropped: number, options: MomentMeterOptions) {
    this.#suspects = suspects;
    this.#options = options;
    this.more = dropped;
    this.#counted = new Set(suspects.toSorted(byWeight).slice(0, MOST_COUNTED));
    const stops = suspects.flatMap(({ fromCommand, toCommand }) => [fromCommand, toCommand]);
    this.stops = [...new Set(stops)].sort((a, b) => a - b);
  }

  /** All before this stop has been executed, and nothing behind it. */
  async at(commands: number): Promise<void> {
    const total = await this.#options.total();
    let counted: DatabaseKeys[] | undefined;
    const count = async (): Promise<DatabaseKeys[]> => {
      const began = performance.now();
      counted ??= await this.#options.count();
      this.#spentMs += performance.now() - began;
      return counted;
    };
    for (const suspect of this.#suspects) {
      if (suspect.toCommand === commands) await this.#end(suspect, total, count);
    }
    for (const suspect of this.#suspects) {
      if (suspect.fromCommand === commands) await this.#begin(suspect, total, count);
    }
  }

  async #begin(suspect: Suspect, total: number, count: () => Promise<DatabaseKeys[]>): Promise<void> {
    if (total === 0 || suspect.keys < manyOf(total)) return;
    const { budgetMs = 120_000 } = this.#options;
    const ownBudgetMs = suspect.command === EMPTYING ? budgetMs / 2 : budgetMs;
    const isClose = this.#counted.has(suspect) && this.#spentMs < ownBudgetMs && this.moments.length < MOST_MOMENTS;
    this.#before.set(suspect, { total, ...(isClose ? { databases: await count() } : {}) });
  }

  async #end(suspect: Suspect, total: number, count: () => Promise<DatabaseKeys[]>): Promise<void> {
    const before = this.#before.get(suspect);
    if (!before) return;
    this.#before.delete(suspect);
    if (!before.databases) {
      if (before.total - total >= manyOf(before.total)) this.more += 1;
      return;
    }
    const taken = takenBetween(before.databases, await count());
    if (!taken) return;
    const { command, atMs, timelineId, before: offset } = suspect;
    if (this.moments.length < MOST_MOMENTS)
      this.moments.push({ command, atMs, until: formatOffset(timelineId, offset), ...taken });
    else this.more += 1;
  }
}
