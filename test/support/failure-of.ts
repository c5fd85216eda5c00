import assert from 'node:assert/strict';

/** What is at the bottom of a failed workflow: our code, the message, and what to do next. */
export interface SeenFailure {
  code: string;
  message: string;
  next: string;
}

/** Waits for a failure and digs out what a person would be told. */
export async function failureOf(running: Promise<unknown>): Promise<SeenFailure> {
  let error: unknown;
  try {
    await running;
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error instanceof Error, 'it succeeded');
  let bottom: Error = error;
  while (bottom.cause instanceof Error) bottom = bottom.cause;
  const { type, details } = bottom as { type?: string; details?: { next: string }[] };
  return { code: type ?? bottom.name, message: bottom.message, next: details?.[0]?.next ?? '' };
}
