export interface CommandReaderOptions {
  /** Called for each command when its last byte has been read. */
  onCommand?: (command: LoggedCommand) => void;
  /** Called before that, as soon as its name is known: `end` and `isBoundary` are not yet. */
  onName?: (command: LoggedCommand) => void;
  /** Called behind each argument of a command that is not inline; number 0 is the name. */
  onArgument?: (command: LoggedCommand, index: number, end: number) => void;
  /** Offset of the first byte that will be read. Default 0. */
  offset?: number;
  /** Commands that the source has renamed: as typed → real name. */
  renamed?: Readonly<Record<string, string>>;
}

/** A command of the log. One object serves for all of them: what it says holds during the call only. */
export interface LoggedCommand {
  /** In capitals, with its sub-command, and what it is really called: `SET`, `XGROUP CREATE`. */
  readonly name: string;
  /** Its first word as it stands in the log, as latin1. */
  readonly typed: string;
  /** The number of its arguments, its name included. */
  readonly argCount: number;
  /** Offset of its first byte. */
  readonly start: number;
  /** Offset behind the first word; -1: that came before this reader began. */
  readonly nameEnd: number;
  /** Offset behind its last byte; -1 while it is not known. */
  readonly end: number;
  /** The last boundary before it. In a transaction that is before MULTI. */
  readonly boundary: number;
  /** Whether `end` is a boundary. */
  readonly isBoundary: boolean;
  /** The database that it runs in; -1: no SELECT has come yet. */
  readonly db: number;
  /** The highest database that its arguments name: of SELECT, SWAPDB, MOVE and COPY; -1: none. Known with its last byte. */
  readonly highestDb: number;
  /** Within a transaction: behind MULTI, up to EXEC and with it. */
  readonly inTransaction: boolean;
  /** A bare line, as people type it into a terminal. No append-only file may have one. */
  readonly isInline: boolean;
}

/** How the reader fills it. */
export type CommandAtHand = { -readonly [Key in keyof LoggedCommand]: LoggedCommand[Key] };

export const noCommand = (): CommandAtHand => ({
  name: '',
  typed: '',
  argCount: 0,
  start: 0,
  nameEnd: -1,
  end: -1,
  boundary: 0,
  isBoundary: false,
  db: -1,
  highestDb: -1,
  inTransaction: false,
  isInline: false,
});
