import type { DatabaseKeys, RehearsedMoment } from '../../../model/restore/rehearsal.ts';
import { heaviest, manyOf, takenBetween } from '../../../model/restore/rehearsed-moments.ts';
import { formatOffset } from '../../../model/restore/until.ts';
import { byWeight, isEveryday, type Suspect } from '../../../redis/log/moments.ts';

export interface MomentMeterOptions {
  /** Keys there now, expired ones too: cheap. */
  total(): Promise<number>;
  /** Alive, by database and class: costs as much as a save. */
  count(): Promise<DatabaseKeys[]>;
  /** For all counts together; what is suspected behind that is not looked at closely. Default 2 minutes. */
  budgetMs?: number;
  /** Where it lies, and when it came. Default: in a timeline. */
  placeOf?(suspect: Suspect): Pick<RehearsedMoment, 'atMs' | 'until' | 'place'>;
  /** Milliseconds of any clock. */
  now?(): number;
}

/** So many at most are counted, those that name the most keys. */
const MOST_COUNTED = 100;

/** Measures, stop by stop, what each suspected stretch of the log has really taken. */
export class MomentMeter {
  readonly stops: number[];
  readonly #suspects: readonly Suspect[];
  /** Those worth a count that lie ahead, the first of them first. */
  #ahead: readonly Suspect[];
  readonly #found: RehearsedMoment[] = [];
  /** Found besides, without a close look. */
  #uncounted: number;
  readonly #options: MomentMeterOptions;
  readonly #before = new Map<Suspect, { total: number; databases?: DatabaseKeys[] }>();
  #spentMs = 0;
  #counts = 0;

  /** @param dropped - suspects that are not even known */
  constructor(suspects: readonly Suspect[], dropped: number, options: MomentMeterOptions) {
    this.#suspects = suspects;
    this.#options = options;
    this.#uncounted = dropped;
    this.#ahead = suspects.toSorted(byWeight).slice(0, MOST_COUNTED);
    const stops = suspects.flatMap(({ fromCommand, toCommand }) => [fromCommand, toCommand]);
    this.stops = [...new Set(stops)].sort((a, b) => a - b);
  }

  /** Oldest first: those that took most, and how many there are besides. */
  result(): { moments: RehearsedMoment[]; moreMoments: number } {
    const inOrder = this.#found.toSorted((a, b) => a.atMs - b.atMs);
    const moments = heaviest(inOrder, ({ keysBefore, keysAfter }) => keysBefore - keysAfter);
    return { moments, moreMoments: inOrder.length - moments.length + this.#uncounted };
  }

  /** All before this stop has been executed, and nothing behind it. */
  async at(commands: number): Promise<void> {
    const total = await this.#options.total();
    let counted: DatabaseKeys[] | undefined;
    const { now = () => performance.now() } = this.#options;
    const count = async (): Promise<DatabaseKeys[]> => {
      const began = now();
      counted ??= await this.#options.count();
      this.#spentMs += now() - began;
      this.#counts += 1;
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
    const isClose = this.#isAffordable(suspect);
    this.#ahead = this.#ahead.filter((one) => one !== suspect);
    if (total === 0 || suspect.keys < manyOf(total)) return;
    this.#before.set(suspect, { total, ...(isClose ? { databases: await count() } : {}) });
  }

  /** What is left is kept for the heaviest and newest: counts take as long as those before. */
  #isAffordable(suspect: Suspect): boolean {
    const { budgetMs = 120_000 } = this.#options;
    const leftMs = (isEveryday(suspect.command) ? budgetMs / 2 : budgetMs) - this.#spentMs;
    const rank = this.#ahead.indexOf(suspect);
    if (rank < 0 || leftMs <= 0) return false;
    return this.#counts === 0 || (rank + 1) * 2 * (this.#spentMs / this.#counts) <= leftMs || rank === 0;
  }

  async #end(suspect: Suspect, total: number, count: () => Promise<DatabaseKeys[]>): Promise<void> {
    const before = this.#before.get(suspect);
    if (!before) return;
    this.#before.delete(suspect);
    if (!before.databases) {
      if (before.total - total >= manyOf(before.total)) this.#uncounted += 1;
      return;
    }
    const taken = takenBetween(before.databases, await count());
    if (!taken) return;
    const { placeOf = inTimeline } = this.#options;
    this.#found.push({ command: suspect.command, ...placeOf(suspect), ...taken });
  }
}

const inTimeline = ({ atMs, sinceMs, timelineId, before }: Suspect): Pick<RehearsedMoment, 'atMs' | 'sinceMs' | 'until'> => ({
  atMs,
  ...(sinceMs === undefined ? {} : { sinceMs }),
  until: formatOffset(timelineId, before),
});
