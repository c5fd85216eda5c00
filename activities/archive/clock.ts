/**
 * Milliseconds since 1970 that never step back: the time index of the log must not, when somebody sets the clock.
 * Begins at the later of now and `notBefore`, and goes on by a counter that no clock setting touches.
 */
export function steadyClock(now: () => number, notBefore = 0): () => number {
  const zero = Math.max(now(), notBefore) - performance.now();
  return () => Math.round(zero + performance.now());
}
