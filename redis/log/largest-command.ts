import type { LoggedCommand } from './logged-command.ts';

/** The most that Redis wrote to its followers at once: a command, or a transaction with all that is in it. */
export class LargestCommand {
  #bytes = 0;

  see({ boundary, end, isBoundary }: LoggedCommand): void {
    if (isBoundary) this.#bytes = Math.max(this.#bytes, end - boundary);
  }

  /**
   * Since the last call.
   * @param underWay - bytes of one that has not come whole, where they are to be counted
   */
  take(underWay = 0): number {
    const bytes = Math.max(this.#bytes, underWay);
    this.#bytes = 0;
    return bytes;
  }
}
