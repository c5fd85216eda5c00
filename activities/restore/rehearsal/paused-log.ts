import { createReadStream } from 'node:fs';
import { STREAM_BEGIN } from '../../../model/archive/stream-state.ts';
import { CommandReader } from '../../../redis/log/command-reader.ts';

export interface PausedLogOptions {
  /** After how many commands, SELECT not counted, the log stops; ascending. Each is a boundary. */
  stops: readonly number[];
  /** Called when all before the stop has been passed on. @param bytes - so many of the log */
  onStop(commands: number, bytes: number): Promise<void>;
  signal: AbortSignal;
}

const PIECE_BYTES = 1 << 20;
const NOTHING = Buffer.alloc(0);

/** Reads a staged log, and pauses where it is told to: nothing behind a stop goes out before that is done. */
export async function* pausedLog(path: string, { stops, onStop, signal }: PausedLogOptions): AsyncGenerator<Buffer> {
  const left = [...stops];
  let commands = 0;
  let cuts: { commands: number; at: number }[] = [];
  const reader = new CommandReader(STREAM_BEGIN, {
    onCommand: ({ name, isBoundary, end }) => {
      if (name !== 'SELECT') commands += 1;
      if (isBoundary && left[0] === commands) cuts.push({ commands: left.shift() ?? 0, at: end });
    },
  });
  yield NOTHING; // whoever reads ahead is not to wait for the first stop
  if (left[0] === 0) await onStop(left.shift() ?? 0, 0);
  for await (const chunk of createReadStream(path, { highWaterMark: PIECE_BYTES, signal })) {
    const piece: Buffer = chunk;
    let from = 0;
    const { offset } = reader;
    cuts = [];
    if (left.length > 0) reader.read(piece); // behind the last stop nobody needs to understand it
    for (const cut of cuts) {
      if (cut.at - offset > from) yield piece.subarray(from, cut.at - offset);
      from = cut.at - offset;
      await onStop(cut.commands, cut.at);
    }
    if (from < piece.length) yield piece.subarray(from);
  }
}
