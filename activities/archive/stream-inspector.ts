import { foreignText } from '../../model/archive/log-needs.ts';
import type { DestructiveCommand } from '../../model/archive/timeline.ts';
import { CommandReader } from '../../redis/log/command-reader.ts';
import { DestructiveWatch } from '../../redis/log/destructive.ts';
import { LargestCommand } from '../../redis/log/largest-command.ts';
import type { LoggedCommand } from '../../redis/log/logged-command.ts';
import { NeedsWatch } from '../../redis/log/needs.ts';
import { verdictOf } from '../../redis/log/write-commands.ts';
import type { ArchiveSettings } from '../dependencies.ts';
import type { Attached } from './attach.ts';
import type { Lateness } from './lateness.ts';
import type { Segmenter } from './segmenter.ts';

export interface StreamInspectorOptions {
  settings: ArchiveSettings;
  /** Milliseconds since 1970, never back. */
  clock: () => number;
  lateness: Pick<Lateness, 'since'>;
  /** Somebody wants an acknowledgement of everything up to here: a shutdown of Redis, or WAIT. */
  onGetAck: (offset: number) => void;
}

/**
 * Reads the stream as it comes, before it waits for the store: the times in the archive are those of the arrival, also when
 * the store is away for a minute, and what came late is marked. Passes every byte on unchanged.
 * @throws RecoveryError `LOG_MALFORMED` with the offset
 */
export class StreamInspector {
  readonly #reader: CommandReader;
  readonly #segmenter: Segmenter;
  readonly #options: StreamInspectorOptions;
  readonly #watch: DestructiveWatch;
  readonly #allowed: ReadonlySet<string>;
  #atMs = 0;
  #sinceMs: number | undefined;
  #worth = false;
  #destructive: DestructiveCommand[] = [];
  #unknown = new Set<string>();
  readonly #foreign = new Set<string>();
  readonly #needs = new NeedsWatch();
  readonly #largest = new LargestCommand();

  constructor({ offset, state }: Pick<Attached, 'offset' | 'state'>, segmenter: Segmenter, options: StreamInspectorOptions) {
    this.#segmenter = segmenter;
    this.#options = options;
    this.#allowed = new Set(options.settings.moduleCommands.map((name) => name.toUpperCase()));
    this.#watch = new DestructiveWatch((found) => void this.#destructive.push(found));
    this.#reader = new CommandReader(state, {
      offset,
      onCommand: (command) => this.#command(command),
      renamed: options.settings.renamedCommands,
    });
  }

  /** All that have come and that no replay executes, each with what it is. */
  get foreign(): string[] {
    return [...this.#foreign].sort().map(foreignText);
  }

  /** Everything up to here has come. */
  get received(): number {
    return this.#reader.offset;
  }

  async *pass(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of stream) {
      this.#read(piece);
      yield piece;
    }
  }

  #read(piece: Buffer): void {
    this.#atMs = this.#options.clock();
    this.#sinceMs = this.#options.lateness.since(this.#reader.offset);
    const cut = this.#reader.read(piece);
    const boundary = cut > 0;
    this.#watch.tellRuns();
    const offset = boundary ? this.#reader.boundary : this.#reader.offset;
    this.#segmenter.sight({
      offset,
      state: boundary ? this.#reader.boundaryState() : this.#reader.state(),
      boundary,
      atMs: this.#atMs,
      sinceMs: this.#sinceMs,
      worth: this.#worth,
      destructive: this.#destructive,
      unknownCommands: [...this.#unknown],
      needs: boundary ? this.#needs.takeWhole() : this.#needs.takeAll(),
      largestCommandBytes: this.#largest.take(boundary ? 0 : offset - this.#reader.boundary),
    });
    this.#destructive = [];
    this.#unknown.clear();
    this.#worth = this.#reader.offset > offset; // what has come of the next command
  }

  #command(command: LoggedCommand): void {
    this.#watch.see(command, this.#atMs, this.#sinceMs);
    this.#largest.see(command);
    const verdict = verdictOf(command.name, this.#allowed);
    if (verdict !== 'drop') this.#needs.see(command);
    if (verdict === 'foreign') {
      this.#unknown.add(command.typed);
      this.#foreign.add(command.name);
    }
    if (verdict !== 'drop') this.#worth = true;
    else if (command.name === 'REPLCONF') this.#options.onGetAck(command.end);
  }
}
