/** How finely silence is measured. */
const CHECKS = 8;

/**
 * How long the other side has been silent, which counts only while we listen: who doesn't read hears nothing. Given up is by
 * counting looks and not by the clock: a process that was stopped for a minute has heard nothing either, and what came waits.
 */
export class Silence {
  readonly #isListening: () => boolean;
  readonly #tooLong: (allowedMs: number) => void;
  #check: NodeJS.Timeout | undefined;
  #silentChecks = 0;
  #heardAtMs = performance.now();
  #isOver = false;

  /** @param tooLong - called when it has lasted for as long as is allowed */
  constructor(isListening: () => boolean, tooLong: (allowedMs: number) => void) {
    this.#isListening = isListening;
    this.#tooLong = tooLong;
  }

  /** From now on so many milliseconds, to an eighth. */
  allow(ms: number): void {
    clearInterval(this.#check);
    this.#silentChecks = 0;
    this.#check = setInterval(() => {
      this.#silentChecks = this.#isListening() ? this.#silentChecks + 1 : 0;
      if (this.#silentChecks > CHECKS) this.#tooLong(ms);
    }, ms / CHECKS);
  }

  heard(): void {
    this.#silentChecks = 0;
    this.#heardAtMs = performance.now();
  }

  /** We have not listened until now. */
  listensAgain(): void {
    this.#heardAtMs = performance.now();
  }

  /** Milliseconds since the last byte, also of a line that has ended; 0 while we don't listen. */
  get ms(): number {
    return this.#isOver || this.#isListening() ? performance.now() - this.#heardAtMs : 0;
  }

  /** The line has ended: nothing more is heard. */
  end(): void {
    this.#isOver = true;
    clearInterval(this.#check);
  }
}
