/** One line of the worker's own log, beside those of the SDK: JSON on stderr. */
export const tell = (level: 'INFO' | 'WARN', message: string, more: object = {}): void =>
  void process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...more })}\n`);
