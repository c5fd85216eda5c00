import assert from 'node:assert/strict';
import { openArchive } from '../../../activities/open-archive.ts';
import { replayedRanges } from '../../../activities/restore/replay-log.ts';
import { STREAM_BEGIN } from '../../../model/archive/stream-state.ts';
import type { SegmentHeader } from '../../../model/archive/timeline.ts';
import type { Archive } from '../../../repository/archive/archive.ts';
import { Repository } from '../../../repository/repository.ts';
import { MAIN } from '../../fixtures/shard.ts';
import { command } from '../../redis/support/log-bytes.ts';
import { sampleSegment, sampleTimeline, TIMELINE_ID } from '../../repository/archive/fixtures.ts';
import { MemoryStore } from '../../repository/archive/memory-store.ts';
import { keysOf, refuses } from '../../repository/bodies.ts';

const START = 1000;
const select = command('SELECT', 5);
const set = command('SET', 'a', 'value');
const flush = command('FLUSHALL');
const transaction = Buffer.concat([command('MULTI'), set, command('EXEC')]);
const whole = Buffer.concat([select, set, flush, transaction, set]);
const half = Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$5\r\nva');
const flushAt = START + select.length + set.length;
const FLUSH = { command: 'FLUSHALL', before: flushAt, after: flushAt + flush.length, atMs: 0, db: 5 };
const WITHIN = { line: '', read: half.length, argCount: 3, argsLeft: 1, bulkLeft: 5, args: ['SET'] };
const BROKEN_OFF = { db: 5, inTransaction: false, within: WITHIN, sinceBoundary: half.length };
const END = START + whole.length + half.length;

type Lie = Partial<SegmentHeader>;

describe('The header of a segment', () => {
  /** Two segments: one that ends in the middle of a command, and its rest. */
  const archived = async (lie: Lie = {}, next: Lie = {}): Promise<Archive> => {
    const archive = openArchive(new Repository(new MemoryStore()), MAIN, undefined);
    await archive.createTimeline(sampleTimeline());
    const states = {
      ...{ startState: STREAM_BEGIN, endState: BROKEN_OFF, marks: [], destructive: [FLUSH] },
      largestCommandBytes: transaction.length,
    };
    await archive.putSegment({ ...sampleSegment(START, END), ...states, ...lie }, [whole, half]);
    const rest = Buffer.from('lue\r\n');
    const startState = lie.endState ?? BROKEN_OFF;
    const later = { startState, endState: { db: 5, inTransaction: false }, marks: [] };
    const largestCommandBytes = half.length + rest.length;
    await archive.putSegment({ ...sampleSegment(END, END + rest.length), ...later, largestCommandBytes, ...next }, [rest]);
    return archive;
  };
  const replay = async (archive: Archive, to = END + 5): Promise<Buffer> => {
    const pieces: Buffer[] = [];
    for await (const piece of replayedRanges(archive, [{ timelineId: TIMELINE_ID, from: START, to }], {})) pieces.push(piece);
    return Buffer.concat(pieces);
  };

  it('is believed where its bytes say the same', async () => {
    const marks: [number, number][] = [
      [START, 1_771_048_801_000],
      [flushAt, 1_771_048_801_000],
      [START + whole.length, 1_771_048_802_000],
    ];
    const archive = await archived({ marks });
    assert.equal((await replay(archive)).length, whole.length + half.length + 5);
  });

  it('is believed where a command was renamed, whether or not its name was known when it was archived or is now', async () => {
    const hidden = command('HIDDEN');
    const bytes = Buffer.concat([select, set, hidden, set]);
    const told = { command: 'FLUSHALL', before: flushAt, after: flushAt + hidden.length, atMs: 0, db: 5 };
    const renamedCommands = { HIDDEN: 'FLUSHALL' };
    const end = START + bytes.length;
    const read = async (destructive: (typeof told)[], names: Record<string, string>) => {
      const store = new MemoryStore();
      const archive = openArchive(new Repository(store), MAIN, { renamedCommands: names });
      await archive.createTimeline(sampleTimeline());
      const endState = { db: 5, inTransaction: false };
      const states = { startState: STREAM_BEGIN, endState, marks: [], destructive, largestCommandBytes: set.length };
      await archive.putSegment({ ...sampleSegment(START, end), ...states }, [bytes]);
      const { body } = await archive.openRange(TIMELINE_ID, START, end, {});
      for await (const _ of body);
    };
    await read([told], renamedCommands);
    await read([], renamedCommands); // it was named after it had been archived
    await read([told], {}); // it is read where nobody tells
  });

  const endState = (parts: object) => ({ endState: { ...BROKEN_OFF, ...parts } });
  const cases: [what: string, lie: Lie, message: RegExp][] = [
    ['another database', endState({ db: 3 }), /ends in db 5, 26 bytes into a command, and its header says in db 3/],
    ['a transaction', endState({ inTransaction: true }), /and its header says in db 5, between MULTI and EXEC/],
    [
      'a boundary',
      { endState: { db: 5, inTransaction: false } },
      /26 bytes into a command, and its header says in db 5: the header/,
    ],
    ['less of a command', endState({ within: { ...WITHIN, bulkLeft: 4 } }), /the header was changed/],
    ['another name', endState({ within: { ...WITHIN, args: ['DEL'] } }), /the header was changed/],
    ['another last boundary', endState({ sinceBoundary: 3 }), /the header was changed/],
    [
      'a cut in a command',
      { marks: [[flushAt + 2, 1_771_048_801_000]] },
      /may not be cut at \d+, as its header says: that is in db 5, 2 bytes/,
    ],
    [
      'a cut in a transaction',
      { marks: [[START + whole.length - set.length * 2, 1_771_048_801_000]] },
      /may not be cut at \d+, as its header says: that is in db 5, between MULTI and EXEC/,
    ],
    ['no FLUSHALL', { destructive: [] }, /has FLUSHALL of db 5 from \d+ to \d+, of which its header says nothing/],
    ['a FLUSHALL later', { destructive: [{ ...FLUSH, before: flushAt + 8 }] }, /has FLUSHALL of db 5 .* says nothing/],
    [
      'a smaller largest command',
      { largestCommandBytes: 30 },
      /has a command of \d+ bytes as its largest, and its header says 30/,
    ],
    ['a FLUSHDB', { destructive: [FLUSH, { ...FLUSH, command: 'FLUSHDB' }] }, /has no FLUSHDB of db 5 .*, as its header says/],
  ];
  for (const [what, lie, message] of cases) {
    it(`that says ${what} is refused by name when its bytes are read, however right its checksum is`, async () => {
      await refuses(replay(await archived(lie)), 'ARCHIVE_CORRUPT', message);
    });
  }

  it('that begins in another state than the one before it ended in is refused, also where reading begins there', async () => {
    const startState = { ...BROKEN_OFF, db: 3 };
    const archive = await archived({}, { startState, endState: { db: 3, inTransaction: false } });
    const range = archive.openRange(TIMELINE_ID, END, END + 5);
    await refuses(range, 'ARCHIVE_CORRUPT', /ends in another state of the stream than the segment behind it begins in/);
  });

  it('that lies stays as it is when segments are made one: the evidence is not deleted', async () => {
    const archive = await archived(endState({ db: 3 }), { endState: { db: 3, inTransaction: false } });
    for (let at = END + 5; at < END + 500; at += set.length) {
      const state = { db: 3, inTransaction: false };
      const parts = { startState: state, endState: state, marks: [], largestCommandBytes: set.length };
      await archive.putSegment({ ...sampleSegment(at, at + set.length), ...parts }, [set]);
    }
    const before = await keysOf(archive.store, '');
    const { problems, removed } = await archive.compact(TIMELINE_ID, { nowMs: Date.now() + 48 * 3_600_000 });
    assert.match(problems.map(({ message }) => message).join(), /ends in db 5, .* and its header says in db 3/);
    assert.deepEqual([removed, await keysOf(archive.store, '')], [[], before]);
  });
});
