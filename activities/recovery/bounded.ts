import { messageOf } from '../../model/errors.ts';

export type Bounded<T> = { value: T; missed?: undefined } | { value?: undefined; missed: string };

/**
 * Waits for a question for so long and no longer, and never throws: who assesses a failure must not be kept by another one. What
 * was not answered is said and not taken for nothing.
 * @param what - subject of the sentence that says so, such as `the repository`
 */
export async function bounded<T>(what: string, withinMs: number, ask: () => Promise<T>): Promise<Bounded<T>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Bounded<T>>((resolve) => {
    timer = setTimeout(() => resolve({ missed: `Not known: ${what} gave no answer within ${withinMs / 1000} s.` }), withinMs);
  });
  const asked = Promise.resolve()
    .then(ask)
    .then(
      (value): Bounded<T> => ({ value }),
      (error): Bounded<T> => ({ missed: `Not known: ${what} could not be read: ${messageOf(error)}.`.replace(/\.\.$/, '.') }),
    );
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What was missed, as sentences. */
export const missedIn = (...answers: Bounded<unknown>[]): string[] => answers.flatMap(({ missed }) => missed ?? []);
