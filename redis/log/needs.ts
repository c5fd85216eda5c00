import { type LogNeeds, NO_NEEDS } from '../../model/archive/log-needs.ts';
import { STREAM_BEGIN, type StreamState } from '../../model/archive/stream-state.ts';
import { CommandReader } from './command-reader.ts';
import type { LoggedCommand } from './logged-command.ts';
import { verdictOf } from './write-commands.ts';

/** Notes what the commands that go by ask of the Redis that will execute them. Costs one look-up a command. */
export class NeedsWatch {
  #commands = new Set<string>();
  #highestDb = -1;
  /** Of a transaction that has not ended: its bytes go with those of its EXEC. */
  #open: NeedsWatch | undefined;

  /** @param command - no harmless one, but for those that end a transaction */
  see(command: LoggedCommand): void {
    if (command.isBoundary) this.#note(command);
    else {
      this.#open ??= new NeedsWatch();
      this.#open.#note(command);
    }
    if (command.isBoundary && this.#open) this.#close(this.#open);
  }

  /** Up to the last boundary; the next call tells what came since. */
  takeWhole(): LogNeeds {
    const { size } = this.#commands;
    if (size === 0) return NO_NEEDS;
    const needs = { commands: [...this.#commands].sort(), highestDb: this.#highestDb };
    this.#commands = new Set();
    this.#highestDb = -1;
    return needs;
  }

  /** Also of a transaction that goes on. */
  takeAll(): LogNeeds {
    if (this.#open) this.#close(this.#open);
    return this.takeWhole();
  }

  #note({ name, highestDb }: LoggedCommand): void {
    this.#commands.add(name);
    if (highestDb > this.#highestDb) this.#highestDb = highestDb;
  }

  #close(open: NeedsWatch): void {
    for (const name of open.#commands) this.#commands.add(name);
    this.#highestDb = Math.max(this.#highestDb, open.#highestDb);
    this.#open = undefined;
  }
}

/** An append-only file begins in database 0, whether it says so or not. */
export const FILE_BEGIN: StreamState = { db: 0, inTransaction: false };

/**
 * Reads commands in passing. What it found is known at the end: undefined where it is no log that can be followed.
 * @param renamed - as for `CommandReader`
 */
export function watchNeeds(renamed?: Readonly<Record<string, string>>): {
  see(piece: Buffer): void;
  end(): LogNeeds | undefined;
} {
  const watch = new NeedsWatch();
  const reader = new CommandReader(STREAM_BEGIN, {
    renamed,
    onCommand: (command) => verdictOf(command.name) !== 'drop' && watch.see(command),
  });
  let isLost = false;
  return {
    see(piece) {
      if (isLost) return;
      try {
        reader.read(piece);
      } catch {
        isLost = true; // whoever executes it says what is wrong with it
      }
    },
    end: () => (isLost ? undefined : watch.takeAll()),
  };
}
