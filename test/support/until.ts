/** Waits until a condition holds, looking at it every 20 ms, and fails with the words that say what was waited for. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { what = 'a condition', seconds = 60 }: { what?: string; seconds?: number } = {},
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s in vain for this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
