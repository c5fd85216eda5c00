/**
 * Where a reader of the replication stream stands: enough to go on at the very next byte. Plain JSON: it stands in the
 * header of each archived segment, because neither Redis (`+CONTINUE`) nor a cut repeats it.
 */
export interface StreamState {
  /** Database that the last SELECT chose. Unknown (-1) at the begin of a timeline whose SELECT has not come yet. */
  db: number;
  /** Between MULTI and EXEC: what came since belongs to a transaction that is not whole. */
  inTransaction: boolean;
  /** In the middle of a command. Absent between two commands. */
  within?: PartialCommand;
  /** Bytes since the last boundary, from which a transaction, or what is `within`, began. Absent at a boundary. */
  sinceBoundary?: number;
}

/** The part of one command that has been read. */
export interface PartialCommand {
  /** Bytes of a line (`*3`, `$5`, or an inline command) that has not ended yet, as latin1. */
  line: string;
  /** Bytes of the whole command that have been read. */
  read: number;
  /** All of its arguments, its name included; -1 while the number itself is not known. */
  argCount: number;
  /** Arguments still to come, the one under way included; -1 while the number itself is not known. */
  argsLeft: number;
  /** Bytes still to come of the argument under way, its line end included; -1 between two arguments. */
  bulkLeft: number;
  /** Its name, and the argument behind it where that is needed, as far as they have been read, as latin1. Never a value. */
  args: string[];
}

/** A place where the stream may be cut: after a whole command, and never inside a transaction. */
export const isBoundary = ({ inTransaction, within }: StreamState): boolean => !inTransaction && within === undefined;

export const STREAM_BEGIN: StreamState = { db: -1, inTransaction: false };
