import { type CommandName, CommandNames, type Kind, NO_DATABASES, NO_NAME } from './command-names.ts';
import { noCommand } from './logged-command.ts';

/** Longer than any number of one. */
const LONGEST_DATABASE = 16;

/** Finds out what the command at hand is: from its first argument, or its first two. */
export class CommandHead {
  readonly command = noCommand();
  /** Arguments up to this one tell it: the others need not be shown to us. */
  upTo = 0;
  /** Arguments from this one on may name databases, and are wanted as well. */
  databasesFrom = NO_DATABASES;
  readonly #names: CommandNames;
  #name: CommandName = NO_NAME;
  #second = '';
  /** Of an argument that comes in pieces, what has come. */
  #partial = '';
  /** Of COPY: the word DB has come. */
  #isDatabase = false;

  constructor(renamed?: Readonly<Record<string, string>>) {
    this.#names = new CommandNames(renamed);
  }

  get kind(): Kind {
    return this.#name.kind;
  }

  /** The argument behind the name, of a command that needs it. */
  get second(): string {
    return this.#second;
  }

  begin(argCount: number): void {
    this.command.argCount = argCount;
    this.command.highestDb = -1;
    this.upTo = 0;
    this.databasesFrom = NO_DATABASES;
    this.#second = '';
    this.#partial = '';
  }

  /** An argument that is all here. @returns whether it is known now what the command is */
  whole(index: number, piece: Buffer, from: number, to: number, end: number): boolean {
    return index === 0 ? this.#first(this.#names.find(piece, from, to), end) : this.#rest(piece.toString('latin1', from, to));
  }

  part(index: number, piece: Buffer, from: number, to: number): void {
    const end = index <= this.upTo ? to : Math.min(to, from + LONGEST_DATABASE - this.#partial.length);
    if (end > from) this.#partial += piece.toString('latin1', from, end);
  }

  /** An argument behind `databasesFrom` that is all here. */
  database(piece: Buffer, from: number, to: number): void {
    this.#database(piece.toString('latin1', from, Math.min(to, from + LONGEST_DATABASE)));
  }

  /** The end of an argument whose parts have come. */
  wholeOfParts(index: number, end: number): boolean {
    const text = this.#partial;
    this.#partial = '';
    if (index > this.upTo) {
      this.#database(text);
      return false;
    }
    return index === 0 ? this.#first(this.#names.of(text), end) : this.#rest(text);
  }

  /** A bare line. */
  line(words: string[]): void {
    this.begin(words.length);
    if (!this.#first(this.#names.of(words[0] ?? ''), -1)) this.#rest(words[1] ?? '');
  }

  /** What has come, for a reader that goes on from here. @param done - arguments that are whole */
  args(done: number, isWithin: boolean): string[] {
    const args = done > 0 ? [this.#name.typed] : [];
    if (done > 1 && this.#name.needsSecond) args.push(this.#second);
    if (isWithin && done <= this.upTo) args.push(this.#partial);
    return args;
  }

  /** Of a command that is gone on with here, databases are not told. */
  goOn(args: string[], done: number): void {
    const [first = '', second = ''] = args;
    if (done > 0) this.#first(this.#names.of(first), -1);
    this.databasesFrom = NO_DATABASES;
    if (done > 1 && this.#name.needsSecond) this.#rest(second);
    if (done <= this.upTo) this.#partial = args[done] ?? '';
  }

  #first(name: CommandName, end: number): boolean {
    const { command } = this;
    this.#name = name;
    command.name = name.name;
    command.typed = name.typed;
    command.nameEnd = end;
    this.databasesFrom = name.databasesFrom;
    this.#isDatabase = name.name !== 'COPY';
    if (!name.needsSecond || command.argCount === 1) return true;
    this.upTo = 1;
    return false;
  }

  #database(text: string): void {
    if (!this.#isDatabase) this.#isDatabase = text.toUpperCase() === 'DB';
    else if (/^\d{1,9}$/.test(text)) this.command.highestDb = Math.max(this.command.highestDb, Number(text));
  }

  #rest(second: string): boolean {
    this.#second = second;
    if (this.#name.hasSubcommands) this.command.name = `${this.#name.name} ${second.toUpperCase()}`;
    return true;
  }
}
