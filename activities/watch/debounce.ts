import type { WatchState } from '../../model/watch/watch.ts';
import type { ServingReport } from '../../redis/health/serving.ts';

/** A Redis that comes and goes must be there twice in a row, and one look that can't be had ends no failure. */
const CALM_LOOKS = 2;

/** Turns single looks into what is believed: for how long it has failed without a break, whether a load goes on. */
export class Debounce {
  readonly #afterMs: number;
  #failingSinceMs: number | undefined;
  #unclearSinceMs: number | undefined;
  /** Looks in a row that found no failure. */
  #calm = 0;
  #load: { bytes: number; atMs: number } | undefined;
  #last: ServingReport['verdict'] | undefined;

  /** @param failingSinceMs - what was believed before this stay */
  constructor(afterMs: number, failingSinceMs?: number) {
    this.#afterMs = afterMs;
    this.#failingSinceMs = failingSinceMs;
  }

  get failingSinceMs(): number | undefined {
    return this.#failingSinceMs;
  }

  add(look: ServingReport, nowMs: number): void {
    this.#last = look.verdict;
    this.#calm = look.verdict === 'fails' ? 0 : this.#calm + 1;
    if (look.verdict !== 'loading') this.#load = undefined;
    if (look.verdict === 'unknown') this.#unclearSinceMs ??= nowMs;
    else this.#unclearSinceMs = undefined;
    if (look.verdict === 'fails') this.#failingSinceMs ??= nowMs;
    else if (look.verdict === 'loading') this.#addLoading(look.loadedBytes, nowMs);
    else if (this.#calm >= CALM_LOOKS) this.#failingSinceMs = undefined;
  }

  /** What happens now is an operation's doing: it begins anew afterwards. */
  forgive(): void {
    this.#failingSinceMs = undefined;
  }

  /** Absent: it is too early to say. `failing` may be `all-failing`: that is for the caller to find out. */
  stateAt(nowMs: number): Exclude<WatchState, 'all-failing'> | undefined {
    if (this.#failingSinceMs !== undefined) return nowMs - this.#failingSinceMs >= this.#afterMs ? 'failing' : undefined;
    if (this.#unclearSinceMs !== undefined) return nowMs - this.#unclearSinceMs >= this.#afterMs ? 'unclear' : undefined;
    if (this.#last === 'loading') return 'loading';
    return this.#last === 'serves' ? 'serving' : undefined;
  }

  /** A load that goes on is no failure. One that stands still is one since it last went on. */
  #addLoading(bytes: number, nowMs: number): void {
    if (!this.#load || bytes !== this.#load.bytes) {
      this.#load = { bytes, atMs: nowMs };
      this.#failingSinceMs = undefined;
    } else if (nowMs - this.#load.atMs >= this.#afterMs) this.#failingSinceMs ??= this.#load.atMs;
  }
}
