/**
 * Passes a body through until the signal aborts, even while the body itself waits for its next bytes.
 * A body that is waiting cannot be told to stop (`return()` of an async generator queues behind the wait), so it isn't
 * waited for: whoever gave the signal ends it.
 * @throws the signal's reason
 */
export async function* interruptible<T>(body: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = body[Symbol.asyncIterator]();
  let interrupt: (reason: unknown) => void = () => {};
  const onAbort = () => interrupt(signal.reason);
  signal.addEventListener('abort', onAbort);
  let ended = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        interrupt = reject;
        iterator.next().then(resolve, reject);
      });
      if (next.done) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Its failure is not news: the body ends because of the error that is under way already.
    const closing = ended ? undefined : iterator.return?.().catch(() => undefined);
    if (!signal.aborted) await closing;
  }
}
