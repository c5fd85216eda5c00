import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { askAtTerminal } from '../../cli/ask.ts';

/** A terminal whose keys a test presses: it reads lines, so Ctrl-C is a key and no signal. */
function terminal() {
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
  const interrupt = new AbortController();
  let interrupted = 0;
  const answer = askAtTerminal('yes or no? ', {
    input,
    output,
    interrupt: interrupt.signal,
    onInterrupt: () => {
      interrupted += 1;
    },
  });
  return { input, interrupt, answer, interrupted: () => interrupted };
}

describe('A question at the terminal', () => {
  it('takes the line that is typed', async () => {
    const { input, answer, interrupted } = terminal();
    input.write('yes\r');
    assert.equal(await answer, 'yes');
    assert.equal(interrupted(), 0);
  });

  it('ends by Ctrl-C, which ends the command as it does everywhere', async () => {
    const { input, answer, interrupted } = terminal();
    input.write('y\x03');
    assert.equal(await answer, '');
    assert.equal(interrupted(), 1);
  });

  it('ends by Ctrl-D, by a signal, and with the terminal', async () => {
    const typed = terminal();
    typed.input.write('\x04');
    assert.equal(await typed.answer, '');
    const signalled = terminal();
    signalled.interrupt.abort();
    assert.equal(await signalled.answer, '');
    const gone = terminal();
    gone.input.end();
    assert.equal(await gone.answer, '');
  });
});
