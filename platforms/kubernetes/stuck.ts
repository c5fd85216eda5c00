import type { Obstacle } from './obstacle.ts';

/** How long it has been the same that does not pass. */
export class Stuck {
  #why: string | undefined;
  #sinceMs = 0;

  forMs({ why, passes }: Obstacle, nowMs: number): number {
    if (passes || why !== this.#why) {
      this.#why = passes ? undefined : why;
      this.#sinceMs = nowMs;
    }
    return passes ? 0 : nowMs - this.#sinceMs;
  }
}
