import type { Rpo } from '../../model/archive/archiving.ts';

/** Each time is four events in the history of the workflow, which begins anew after some thousand. */
const TELL_EVERY_MS = 60_000;
/** The end of a stay must not wait longer for a Temporal that is away. */
const LAST_WORD_MS = 2_000;

/** Tells the workflow what would be lost, as often as its history can bear, and only while that changes. */
export class RpoTeller {
  readonly #tell: (rpo: Rpo) => Promise<void>;
  readonly #clock: () => number;
  #told: string | undefined;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #toldSilent = false;
  #last: Omit<Rpo, 'asOf'> | undefined;

  constructor(tell: (rpo: Rpo) => Promise<void>, clock: () => number) {
    this.#tell = tell;
    this.#clock = clock;
  }

  /** Cheap: to be called each second, or more often. What was not told now is told by one of the next calls. */
  known(rpo: Omit<Rpo, 'asOf'>): void {
    this.#last = rpo;
    const turned = (rpo.silentSince !== undefined) !== this.#toldSilent; // at most twice in a period of Redis' pings
    if (turned || this.#clock() - this.#toldAtMs >= TELL_EVERY_MS) void this.#tellIfNew();
  }

  /** Before long silence, so that what was told is how it ended. */
  async tellLast(): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, LAST_WORD_MS);
    await Promise.race([this.#tellIfNew(), late.promise]);
    clearTimeout(timer);
  }

  async #tellIfNew(): Promise<void> {
    const text = JSON.stringify(this.#last);
    if (!this.#last || text === this.#told) return;
    this.#told = text;
    this.#toldAtMs = this.#clock();
    this.#toldSilent = this.#last.silentSince !== undefined;
    try {
      await this.#tell({ ...this.#last, asOf: new Date(this.#toldAtMs).toISOString() });
    } catch {
      this.#told = undefined; // Temporal is away, and the log goes on without it: told again in a minute
    }
  }
}
