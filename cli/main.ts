import { askAtTerminal } from './ask.ts';
import { main } from './program.ts';
import { interruptBySignals, outliveReaders } from './signals.ts';

// Not `process.exit()`: what was written to a pipe must get there. Nothing keeps the process alive after a command.
const interrupt = interruptBySignals();
const streams = outliveReaders(process);
const { stdin: input, stderr: output } = process;
const onInterrupt = () => void process.kill(process.pid, 'SIGINT');

process.exitCode = await main(process.argv.slice(2), {
  streams,
  interrupt,
  ...(input.isTTY && output.isTTY
    ? {
        ask: (question, over) => {
          const either = over ? AbortSignal.any([interrupt, over]) : interrupt;
          return askAtTerminal(question, { input, output, interrupt: either, onInterrupt });
        },
      }
    : {}),
});
