import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';

export interface Terminal {
  input: Readable;
  output: Writable;
  /** Aborted: the question is over. */
  interrupt: AbortSignal;
  /** Ctrl-C at the prompt. A terminal that reads lines sends no signal for it: the key comes as input. */
  onInterrupt(): void;
}

/** Puts a question to the person at the terminal. No answer, by Ctrl-C, Ctrl-D or the end of the terminal, is an empty one. */
export async function askAtTerminal(question: string, { input, output, interrupt, onInterrupt }: Terminal): Promise<string> {
  const lines = createInterface({ input, output });
  const over = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  lines.once('SIGINT', () => {
    lines.close();
    onInterrupt();
  });
  try {
    return await Promise.race([over, lines.question(question, { signal: interrupt }).catch(() => '')]);
  } finally {
    lines.close();
  }
}
