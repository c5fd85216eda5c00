/** How fast it goes while it is ahead: half as fast as time, so that an hour too much is made up for in two. */
const AHEAD_SPEED = 0.5;

/**
 * Milliseconds since 1970 that never step back: the time index of the log must not, when somebody sets the clock.
 * Goes with the clock of this machine, and slowly while that is behind what was said before.
 * @param notBefore - the last time in the archive: a worker whose clock was ahead may have written it
 * @param counter - milliseconds that nobody can set
 */
export function steadyClock(now: () => number, notBefore = 0, counter = (): number => performance.now()): () => number {
  let said = Math.max(now(), notBefore);
  let counted = counter();
  return () => {
    const passed = counter() - counted;
    counted += passed;
    said = Math.max(now(), said + passed * AHEAD_SPEED);
    return Math.floor(said);
  };
}
