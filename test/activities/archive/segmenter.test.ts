import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { type SegmentDraft, Segmenter } from '../../../activities/archive/segmenter.ts';
import { StreamInspector } from '../../../activities/archive/stream-inspector.ts';
import { NO_NEEDS } from '../../../model/archive/log-needs.ts';
import { isBoundary, STREAM_BEGIN } from '../../../model/archive/stream-state.ts';
import { CommandReader } from '../../../redis/log/command-reader.ts';
import { SegmentProof } from '../../../redis/log/segment-proof.ts';

const RUNS = Number(process.env.CASES) || 150;
const START = 1000;
const MB = 1024 * 1024;

const command = (...args: (string | Buffer)[]): Buffer =>
  Buffer.concat([
    Buffer.from(`*${args.length}\r\n`),
    ...args.flatMap((arg) => [Buffer.from(`$${arg.length}\r\n`), Buffer.from(arg), Buffer.from('\r\n')]),
  ]);
const set = (size: number) => command('SET', 'key', 'v'.repeat(size));
const ping = command('PING');

const anyCommand = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 3000 }).map(set) },
  { weight: 1, arbitrary: fc.constant(ping) },
  { weight: 1, arbitrary: fc.constant(command('FLUSHALL')) },
  { weight: 1, arbitrary: fc.constant(command('SELECT', '3')) },
  {
    weight: 2,
    arbitrary: fc
      .array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 6 })
      .map((sizes) => Buffer.concat([command('MULTI'), ...sizes.map(set), command('EXEC')])),
  },
);

interface Came {
  /** What had come, offset by offset of the ends of pieces. */
  atMs: [end: number, atMs: number][];
  drafts: SegmentDraft[];
  /** Of each draft: whether there was room for more. */
  wasFull: boolean[];
}

/** As the archiver uses it: told of each piece when it comes, given the bytes so many pieces later, asked in between. */
async function archived(
  stream: Buffer,
  cuts: readonly number[],
  { bytes, ageMs = 1000, lag, stepMs }: { bytes: number; ageMs?: number; lag: number; stepMs: (piece: number) => number },
): Promise<Came> {
  let nowMs = 5_000;
  const segmenter = new Segmenter({ start: START, state: STREAM_BEGIN, lastAtMs: nowMs, ageMs, bytes });
  const settings = { segmentAgeMs: ageMs, segmentBytes: bytes, moduleCommands: [], renamedCommands: {} } as never;
  const inspector = new StreamInspector({ offset: START, state: STREAM_BEGIN }, segmenter, {
    settings,
    clock: () => nowMs,
    lateness: { since: () => undefined },
    onGetAck: (offset) => segmenter.flush(offset),
  });
  const came: Came = { atMs: [], drafts: [], wasFull: [] };
  const waiting: Buffer[] = [];
  const take = (ending = false): void => {
    for (;;) {
      const { isFull } = segmenter;
      const draft = segmenter.take(nowMs, ending);
      if (!draft) {
        assert.equal(segmenter.isFull, false, 'full, and nothing to be taken: it stands still for ever');
        return;
      }
      came.drafts.push(draft);
      came.wasFull.push(isFull);
    }
  };
  const pieces = piecesOf(stream, cuts);
  async function* coming() {
    for (const piece of pieces) yield piece;
  }
  let number = 0;
  let end = START;
  for await (const piece of inspector.pass(coming())) {
    end += piece.length;
    came.atMs.push([end, nowMs]);
    waiting.push(piece);
    if (waiting.length > lag) segmenter.add(waiting.shift() as Buffer);
    take();
    nowMs += stepMs(number++);
  }
  for (const piece of waiting) {
    segmenter.add(piece);
    take();
  }
  take(true);
  return came;
}

function piecesOf(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...new Set([...cuts.map((cut) => cut % stream.length), stream.length])].sort((a, b) => a - b);
  return ends.map((end, i) => stream.subarray(ends[i - 1] ?? 0, end)).filter(({ length }) => length > 0);
}

function assertWhole(stream: Buffer, { drafts, wasFull, atMs }: Came): void {
  let [at, state, lastAtMs] = [START, STREAM_BEGIN, 0];
  drafts.forEach((draft, i) => {
    assert.equal(draft.start, at);
    assert.deepEqual(draft.startState, state);
    assert.ok(draft.firstAtMs >= lastAtMs && draft.lastAtMs >= draft.firstAtMs, 'times go back');
    const reader = new CommandReader(draft.startState, { offset: draft.start });
    const raw = Buffer.concat(draft.pieces);
    assert.equal(raw.length, draft.end - draft.start);
    reader.read(raw); // throws where the state is not the right one
    assert.deepEqual(reader.state(), draft.endState);
    if (!isBoundary(draft.endState)) assert.ok(wasFull[i], 'cut in the middle of a command although there was room');
    assertMarks(draft, atMs);
    const proof = new SegmentProof(draft);
    for (const piece of draft.pieces) proof.see(piece);
    assert.equal(proof.problem(), undefined, 'a header as an archiver writes it');
    [at, state, lastAtMs] = [draft.end, draft.endState, draft.lastAtMs];
  });
  const joined = Buffer.concat(drafts.flatMap(({ pieces }) => pieces));
  assert.ok(joined.equals(stream.subarray(0, joined.length)));
  const whole = new CommandReader(STREAM_BEGIN, { offset: START });
  whole.read(stream);
  assert.ok(at >= whole.boundary, `ends at ${at}, the last boundary is ${whole.boundary}`);
}

/** A mark says that everything up to it had come by then, and that one may cut there. */
function assertMarks({ start, end, marks, firstAtMs, lastAtMs }: SegmentDraft, came: Came['atMs']): void {
  let [before, beforeMs] = [start, firstAtMs];
  for (const [offset, atMs] of marks) {
    assert.ok(offset > before && offset <= end && atMs >= beforeMs && atMs <= lastAtMs, 'marks do not ascend');
    const arrived = came.find(([pieceEnd]) => pieceEnd >= offset);
    assert.ok(arrived && arrived[1] <= atMs, 'a mark from before its bytes came');
    assert.ok(atMs - arrived[1] < 250, 'a mark long after its bytes came');
    [before, beforeMs] = [offset, atMs];
  }
}

describe('The segmenter', () => {
  it('cuts any stream in any pieces into segments that follow each other and are the stream', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyCommand, { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(), { maxLength: 60 }),
        fc.record({ bytes: fc.integer({ min: 1, max: 20_000 }), lag: fc.nat(5), pace: fc.constantFrom(0, 7, 100, 900) }),
        async (commands, cuts, { bytes, lag, pace }) => {
          const stream = Buffer.concat(commands);
          assertWhole(stream, await archived(stream, cuts, { bytes, lag, stepMs: (piece) => (piece * 37) % (pace + 1) }));
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('holds no more than a few segments of a command that is longer, and cuts it in its middle', async () => {
    const stream = Buffer.concat([set(10), set(30 * MB), set(10)]);
    const cuts = Array.from({ length: 400 }, (_, i) => i * 99_991);
    const came = await archived(stream, cuts, { bytes: MB, lag: 2, stepMs: () => 3 });
    assertWhole(stream, came);
    assert.ok(came.drafts.length >= 7);
    for (const { start, end } of came.drafts) assert.ok(end - start <= 4.2 * MB, `a segment of ${end - start} bytes`);
    assert.ok(isBoundary(came.drafts.at(-1)?.endState ?? STREAM_BEGIN));
  });

  it('says how long the largest command was, a transaction as one, also where it is cut in its middle', async () => {
    const transaction = Buffer.concat([command('MULTI'), set(3000), set(3000), command('EXEC')]);
    const small = await archived(Buffer.concat([set(100), set(5000), transaction, set(10)]), [7, 900, 9000], {
      bytes: 100_000,
      lag: 1,
      stepMs: () => 3,
    });
    assert.deepEqual(
      small.drafts.map((draft) => draft.largestCommandBytes),
      [transaction.length],
    );
    const large = set(30 * MB);
    const cuts = Array.from({ length: 400 }, (_, i) => i * 99_991);
    const { drafts } = await archived(Buffer.concat([set(10), large, set(10)]), cuts, { bytes: MB, lag: 2, stepMs: () => 3 });
    const parts = drafts.map((draft) => draft.largestCommandBytes);
    assert.equal(Math.max(...parts), large.length);
    assert.ok(parts.filter((bytes) => bytes > 4 * MB && bytes < large.length).length > 3, `${parts}`);
  });

  it('never stands still, however large a segment may be', async () => {
    const stream = Buffer.concat([set(150 * MB), set(10)]);
    const cuts = Array.from({ length: 150 }, (_, i) => i * MB);
    assertWhole(stream, await archived(stream, cuts, { bytes: 64 * MB, lag: 0, stepMs: () => 1 }));
  });

  it('remembers about four moments a second, however many pieces come while the store is away', async () => {
    const stream = Buffer.concat(Array.from({ length: 6000 }, () => set(5)));
    const cuts = Array.from({ length: 6000 }, (_, i) => i * set(5).length);
    const came = await archived(stream, cuts, { bytes: 100 * MB, ageMs: 3600_000, lag: 6000, stepMs: () => 10 });
    assertWhole(stream, came);
    assert.equal(came.drafts.length, 1);
    const marks = came.drafts[0]?.marks.length ?? 0;
    assert.ok(marks >= 220 && marks <= 250, `${marks} marks of a minute`);
  });

  const fresh = (options = {}) =>
    new Segmenter({ start: 0, state: STREAM_BEGIN, lastAtMs: 0, ageMs: 1000, bytes: 100, ...options });
  const seen = {
    state: { db: 0, inTransaction: false },
    boundary: true,
    worth: true,
    late: [],
    destructive: [],
    unknownCommands: [],
    needs: NO_NEEDS,
    largestCommandBytes: 0,
  };

  it('makes no segment of PINGs alone, until nothing more will come', () => {
    const segmenter = fresh();
    segmenter.sight({ ...seen, offset: ping.length, atMs: 0, worth: false });
    segmenter.add(ping);
    assert.equal(segmenter.take(1e9), undefined);
    assert.equal(segmenter.dueIn(1e9), undefined);
    assert.equal(segmenter.take(1e9, true)?.end, ping.length);
  });

  it('is due by the age of its oldest write, and not of a PING before that', () => {
    const segmenter = fresh();
    segmenter.sight({ ...seen, offset: 14, atMs: 0, worth: false });
    segmenter.sight({ ...seen, offset: 24, atMs: 100 });
    segmenter.add(Buffer.alloc(24));
    assert.equal(segmenter.dueIn(600), 500);
    assert.equal(segmenter.take(1099), undefined);
    assert.equal(segmenter.take(1100)?.end, 24);
  });

  it('is due at once when somebody waits for an acknowledgement, and until that is stored', () => {
    const segmenter = fresh();
    segmenter.flush(30);
    for (const offset of [10, 30, 50]) {
      segmenter.sight({ ...seen, offset, atMs: offset * 100 });
      segmenter.add(Buffer.alloc(offset === 10 ? 10 : 20));
      const draft = segmenter.take(offset * 100);
      assert.equal(draft?.end, offset === 50 ? undefined : offset);
    }
  });
});
