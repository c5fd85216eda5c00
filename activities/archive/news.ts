/** Wakes everybody who waits for something to change; each then looks for itself. */
export class News {
  #coming = Promise.withResolvers<void>();

  tell(): void {
    this.#coming.resolve();
    this.#coming = Promise.withResolvers<void>();
  }

  /** Resolves at the next news, or after so many milliseconds. */
  async next(ms?: number): Promise<void> {
    const { promise } = this.#coming;
    if (ms === undefined) return promise;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, ms);
    await Promise.race([promise, late.promise]);
    clearTimeout(timer);
  }
}
