import { createInterface } from 'node:readline/promises';
import { main } from './program.ts';

// Not `process.exit()`: what was written to a pipe must get there. Nothing keeps the process alive after a command.
const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());
// A reader that has seen enough, such as `| head -1`, is no fault of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question, { signal: interrupt.signal });
  } catch {
    return ''; // Ctrl-C or the end of input: no answer is a no
  } finally {
    lines.close();
  }
}

process.exitCode = await main(process.argv.slice(2), {
  streams: { stdout: process.stdout, stderr: process.stderr },
  interrupt: interrupt.signal,
  ...(process.stdin.isTTY && process.stderr.isTTY ? { ask } : {}),
});
