import type { ShownStatus } from './output.ts';

const SECOND_MS = 1_000;

/** Says of each status whether it is time to show it: one that says the same as the last is never shown again. */
export function onceASecond(now: () => number): (status: ShownStatus) => boolean {
  let lastAt = Number.NEGATIVE_INFINITY;
  let lastShown = '';
  return (status) => {
    const text = JSON.stringify(status);
    if (text === lastShown || now() - lastAt < SECOND_MS) return false;
    lastAt = now();
    lastShown = text;
    return true;
  };
}

const QUIET_MS = 30_000;

/** For logs: a line when the phase, the step or the trouble changes, and else every 30 s. */
export function onceAStep(now: () => number): (status: ShownStatus) => boolean {
  let lastAt = Number.NEGATIVE_INFINITY;
  let lastStep = '';
  return ({ phase, stage, attempt, problem, note }) => {
    const text = JSON.stringify([phase, stage, attempt, problem, note]);
    if (text === lastStep && now() - lastAt < QUIET_MS) return false;
    lastAt = now();
    lastStep = text;
    return true;
  };
}
