import { failureOf, type Output, type Streams } from './output.ts';
import { onceASecond } from './throttle.ts';

/**
 * One JSON object a line: `status`, `runbook` and `note` lines, then exactly one `result` on stdout or one `error` on stderr.
 * Newer versions may add fields and types of lines, and remove none.
 */
export function jsonOutput({ stdout, stderr }: Streams, now: () => number = Date.now): Output {
  const line = (type: string, fields: object) => `${JSON.stringify({ type, ...fields })}\n`;
  const due = onceASecond(now);
  let lastPage = '';
  return {
    status: (status) => void (due(status) && stdout.write(line('status', status))),
    page: ({ json }) => {
      const text = JSON.stringify(json);
      if (text !== lastPage) stdout.write(line('runbook', json));
      lastPage = text;
    },
    note: (message) => void stdout.write(line('note', { message })),
    result: (result) => void stdout.write(line('result', result)),
    failure(error) {
      const { exit, ...failure } = failureOf(error);
      stderr.write(line('error', failure));
      return exit;
    },
  };
}
