import { createInterface } from 'node:readline/promises';
import { main } from './program.ts';
import { interruptBySignals, outliveReaders } from './signals.ts';

// Not `process.exit()`: what was written to a pipe must get there. Nothing keeps the process alive after a command.
const interrupt = interruptBySignals();
const streams = outliveReaders(process);

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question, { signal: interrupt });
  } catch {
    return ''; // Ctrl-C or the end of input: no answer is a no
  } finally {
    lines.close();
  }
}

process.exitCode = await main(process.argv.slice(2), {
  streams,
  interrupt,
  ...(process.stdin.isTTY && process.stderr.isTTY ? { ask } : {}),
});
