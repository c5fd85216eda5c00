import { AT_ONCE, distinctDestructive } from '../../model/archive/destructive.ts';
import { isBoundary, type PartialCommand, type StreamState } from '../../model/archive/stream-state.ts';
import type { DestructiveCommand, SegmentHeader } from '../../model/archive/timeline.ts';
import { formatList } from '../../model/format.ts';
import { CommandReader } from './command-reader.ts';
import { DestructiveWatch } from './destructive.ts';
import { LargestCommand } from './largest-command.ts';
import type { LoggedCommand } from './logged-command.ts';
import { WRITE_COMMANDS } from './write-commands.ts';

/** What a header says that the bytes behind it prove or contradict. */
export type ProvenHeader = Pick<
  SegmentHeader,
  'start' | 'end' | 'startState' | 'endState' | 'marks' | 'destructive' | 'largestCommandBytes'
>;

/**
 * Follows the bytes of one archived segment and compares what they are with its header: the state that they end in (database,
 * MULTI or not, the command that they break off in), that each mark is a place where they may be cut, and every command that
 * empties a database at once, and how long the largest is. Times, and how many keys went within a second, the bytes do not tell.
 */
export class SegmentProof {
  readonly #header: ProvenHeader;
  readonly #reader: CommandReader;
  readonly #watch: DestructiveWatch;
  readonly #found: DestructiveCommand[] = [];
  /** Where a command stands of which the header depends on the renamed commands that were known when it was written. */
  readonly #doubtful = new Set<number>();
  readonly #largest = new LargestCommand();
  #nextMark = 0;
  #problem: string | undefined;

  /** @param renamed - commands that the source calls otherwise: as typed → real name */
  constructor(header: ProvenHeader, renamed?: Readonly<Record<string, string>>) {
    this.#header = header;
    this.#watch = new DestructiveWatch((found) => void this.#found.push(found), { keys: Number.POSITIVE_INFINITY });
    this.#reader = new CommandReader(header.startState, {
      offset: header.start,
      ...(renamed ? { renamed } : {}),
      onCommand: (command) => {
        this.#watch.see(command, 0);
        this.#largest.see(command);
        if (this.#isDoubtful(command)) this.#doubtful.add(command.boundary);
      },
    });
  }

  /** It is destructive by a name that may not have been known then, or was by one that is not known now. */
  #isDoubtful({ name, typed, boundary }: LoggedCommand): boolean {
    if (AT_ONCE.has(name)) return typed.toUpperCase() !== name;
    return !WRITE_COMMANDS.has(name) && this.#header.destructive.some(({ before }) => before === boundary);
  }

  /** The next bytes; none may be left out. */
  see(piece: Buffer): void {
    if (this.#problem !== undefined) return;
    try {
      this.#follow(piece);
    } catch (error) {
      this.#problem = `has bytes that are no log in the state that its header says it begins in: ${(error as Error).message}`;
    }
  }

  /** What of the header is not so, at the end of the bytes; undefined for nothing. */
  problem(): string | undefined {
    const { endState } = this.#header;
    this.#problem ??= this.#markProblem();
    const state = this.#reader.state();
    if (!isSameState(state, endState))
      this.#problem ??= `ends ${textOf(state)}, and its header says ${textOf(endState)}: the header was changed`;
    this.#problem ??= this.#destructiveProblem();
    this.#problem ??= this.#largestProblem(this.#largest.take(state.sinceBoundary));
    return this.#problem;
  }

  #follow(piece: Buffer): void {
    const { marks } = this.#header;
    for (let rest = piece; rest.length > 0; ) {
      const [markAt = Number.POSITIVE_INFINITY] = marks[this.#nextMark] ?? [];
      const part = rest.subarray(0, Math.max(0, markAt - this.#reader.offset));
      this.#reader.read(part);
      rest = rest.subarray(part.length);
      if (this.#reader.offset < markAt) continue;
      this.#problem ??= this.#markProblem();
      this.#nextMark += 1;
    }
  }

  /** Of the mark that the reader stands at. */
  #markProblem(): string | undefined {
    const mark = this.#header.marks[this.#nextMark];
    if (mark === undefined || mark[0] !== this.#reader.offset || isBoundary(this.#reader.state())) return undefined;
    return `may not be cut at ${mark[0]}, as its header says: that is ${textOf(this.#reader.state())}`;
  }

  #largestProblem(found: number): string | undefined {
    const { largestCommandBytes: said } = this.#header;
    return found === said ? undefined : `has a command of ${found} bytes as its largest, and its header says ${said}`;
  }

  #destructiveProblem(): string | undefined {
    const { start, destructive } = this.#header;
    const inside = (all: readonly DestructiveCommand[]): string[] =>
      distinctDestructive(
        all.filter(({ command, before }) => AT_ONCE.has(command) && before >= start && !this.#doubtful.has(before)),
      ).map(({ command, db, before, after }) => `${command} of db ${db} from ${before} to ${after}`);
    const [has, says] = [inside(this.#found), inside(destructive)];
    const untold = has.filter((one) => !says.includes(one));
    const invented = says.filter((one) => !has.includes(one));
    if (untold.length > 0) return `has ${formatList(untold)}, of which its header says nothing`;
    return invented.length > 0 ? `has no ${formatList(invented)}, as its header says` : undefined;
  }
}

function isSameState(found: StreamState, said: StreamState): boolean {
  const { db, inTransaction, sinceBoundary, within } = found;
  if (db !== said.db || inTransaction !== said.inTransaction || sinceBoundary !== said.sinceBoundary) return false;
  return within === undefined || said.within === undefined ? within === said.within : isSameCommand(within, said.within);
}

/** Whether an argument behind the name is noted depends on the renamed commands that were known when it was archived. */
function isSameCommand({ args, ...found }: PartialCommand, { args: saidArgs, ...said }: PartialCommand): boolean {
  const same = (one: string | undefined, other: string | undefined) => one === undefined || other === undefined || one === other;
  const keys = ['line', 'read', 'argCount', 'argsLeft', 'bulkLeft'] as const;
  return keys.every((key) => found[key] === said[key]) && same(args[0], saidArgs[0]) && same(args[1], saidArgs[1]);
}

function textOf({ db, inTransaction, within }: StreamState): string {
  const database = db < 0 ? 'with no database chosen' : `in db ${db}`;
  const place = within ? `, ${within.read} bytes into a command` : '';
  return `${database}${inTransaction ? ', between MULTI and EXEC' : ''}${place}`;
}
