import assert from 'node:assert/strict';
import fc from 'fast-check';
import { STREAM_BEGIN } from '../../../model/archive/stream-state.ts';
import { type ReplayableOptions, type ReplayFacts, replayable } from '../../../redis/log/replayable.ts';
import { command, log, streamOf } from '../support/log-bytes.ts';

const IN_DB_0 = { db: 0, inTransaction: false };

/** What comes out of a log that begins at offset 1000. `sizes`: of the pieces that it comes in. */
async function replay(bytes: Buffer, options: Partial<ReplayableOptions> = {}, ...sizes: number[]) {
  const out: Buffer[] = [];
  let facts: ReplayFacts | undefined;
  const end = 1000 + bytes.length;
  const onEnd = (found: ReplayFacts) => {
    facts = found;
  };
  const all = { state: IN_DB_0, startOffset: 1000, from: 1000, until: end, onEnd, ...options };
  try {
    for await (const piece of replayable(streamOf(bytes, ...sizes), all)) out.push(piece);
  } catch (error) {
    (error as { out?: string }).out = Buffer.concat(out).toString('latin1');
    throw error;
  }
  return { text: Buffer.concat(out).toString('latin1'), pieces: out.length, facts };
}

const SIZES = [[1], [7], [1000]];
const select0 = command('SELECT', 0).toString();

describe('a replayable log', () => {
  const set = command('SET', 'key', 'v'.repeat(50));
  const del = command('DEL', 'key');

  for (const sizes of SIZES) {
    describe(`from pieces of ${sizes} bytes`, () => {
      it('begins with the database that is chosen, and leaves out what writes nothing', async () => {
        const pieces = [
          set,
          command('PING'),
          Buffer.from('\n'),
          del,
          command('REPLCONF', 'GETACK', '*'),
          Buffer.from('#TS:1\r\n'),
          command('publish', 'a', set),
          set,
        ];
        const { text, facts } = await replay(log(...pieces), { state: { db: 3, inTransaction: false } }, ...sizes);
        assert.equal(text, log(command('SELECT', 3), set, del, set).toString());
        const ends = { firstOffset: 1000, endOffset: 1000 + log(...pieces).length, db: 3 };
        assert.deepEqual(facts, { ...ends, count: 3, commands: ['DEL', 'SELECT', 'SET'], highestDb: 3 });
      });

      it('is exact at both ends', async () => {
        const parts = [command('SELECT', 5), set, del, set];
        const ends = parts.map((_, index) => 1000 + log(...parts.slice(0, index + 1)).length);
        const [, from, until] = ends;
        const { text, facts } = await replay(log(...parts), { state: STREAM_BEGIN, from, until }, ...sizes);
        assert.equal(text, log(command('SELECT', 5), del).toString());
        assert.deepEqual(facts, {
          ...{ firstOffset: from, endOffset: until, db: 5 },
          ...{ count: 1, commands: ['DEL', 'SELECT'], highestDb: 5 },
        });
      });

      it('stops before the first byte of a foreign command, and names it', async () => {
        const bytes = log(set, command('CONFIG', 'SET', 'dir', '/'), set);
        await assert.rejects(replay(bytes, {}, ...sizes), (error: Error & { code?: string; out?: string }) => {
          assert.equal(error.code, 'LOG_FOREIGN_COMMAND');
          assert.match(
            error.message,
            new RegExp(`CONFIG \\(changes the server, not its data\\) at offset ${1000 + set.length} `),
          );
          assert.ok(
            log(select0, set)
              .toString()
              .startsWith(error.out ?? '?'),
          );
          return true;
        });
      });

      it('stops before a sub-command that is not known', async () => {
        await assert.rejects(replay(command('SCRIPT', 'KILL'), {}, ...sizes), {
          code: 'LOG_FOREIGN_COMMAND',
          message: /SCRIPT KILL/,
        });
        const load = command('FUNCTION', 'LOAD', '#!lua');
        assert.equal((await replay(load, {}, ...sizes)).text, select0 + load);
      });

      it('gives renamed commands their real names', async () => {
        const bytes = log(set, command('hidden1'), command('hidden2', 'create', 's', 'g', '$'), command('SET', 'a', 'b'), del);
        const { text } = await replay(bytes, { renamed: { HIDDEN1: 'flushall', hidden2: 'XGROUP' } }, ...sizes);
        const real = log(set, command('FLUSHALL'), command('XGROUP', 'create', 's', 'g', '$'), command('SET', 'a', 'b'), del);
        assert.equal(text, select0 + real);
      });

      it('lets commands of modules pass that were allowed', async () => {
        const bytes = command('json.set', 'key', '$', '{}');
        assert.equal((await replay(bytes, { allowed: ['JSON.SET'] }, ...sizes)).text, select0 + bytes);
      });
    });
  }

  it('never begins or ends within a command or a transaction', async () => {
    const parts = [set, command('MULTI'), set, command('EXEC')];
    const bytes = log(...parts);
    const before = 1000 + set.length;
    for (const until of [before + 1, before + 15, before + 15 + set.length, 1000 + bytes.length - 1]) {
      const nearest = { code: 'LOG_MALFORMED', message: new RegExp(`boundary before it is ${before}$`) };
      await assert.rejects(replay(bytes, { until }), nearest);
      await assert.rejects(replay(bytes, { from: until }), nearest);
    }
    assert.equal((await replay(bytes, { from: before })).text, select0 + log(...parts.slice(1)));
    assert.equal((await replay(bytes, { until: before })).text, select0 + set);
    assert.equal((await replay(bytes, { from: before, until: before })).text, select0);
  });

  it('says so when the stream is too short', async () => {
    await assert.rejects(replay(set, { until: 5000 }), { code: 'LOG_MALFORMED', message: /needed until 5000/ });
    await assert.rejects(replay(set, { from: 999 }), { code: 'LOG_MALFORMED', message: /needed from 999/ });
  });

  it('does not guess a database', async () => {
    await assert.rejects(replay(set, { state: STREAM_BEGIN }), { code: 'LOG_MALFORMED', message: /before any SELECT/ });
    const bytes = log(command('PING'), command('MULTI'), command('SELECT', 1), set, command('EXEC'));
    assert.equal((await replay(bytes, { state: STREAM_BEGIN })).text, bytes.subarray(command('PING').length).toString());
  });

  it('refuses what no append-only file may have', async () => {
    assert.equal((await replay(Buffer.from('PING\r\n'))).text, select0);
    await assert.rejects(replay(Buffer.from('SET a b\r\n')), { code: 'LOG_MALFORMED', message: /bare line SET/ });
  });

  it('joins pieces when messages leave many small ones', async () => {
    const bytes = log(...Array.from({ length: 100 }, () => [command('PUBLISH', 'a', 'b'), command('INCR', 'a')]).flat());
    const { text, pieces } = await replay(bytes);
    assert.equal(pieces, 2);
    assert.equal(text, select0 + command('INCR', 'a').toString().repeat(100));
  });

  it('is the same whatever pieces the log comes in', async () => {
    const [ping, hidden, feed] = [command('PING'), command('hidden'), Buffer.from('\n')];
    const part = fc.constantFrom(set, del, ping, hidden, feed, command('XGROUP', 'DESTROY', 'a', 'b'));
    const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 8 }), sizes, async (parts, pieces) => {
        const bytes = log(...parts);
        const options = { renamed: { hidden: 'FLUSHDB' } };
        const writes = parts.filter((one) => one !== ping && one !== feed);
        const real = writes.map((one) => (one === hidden ? command('FLUSHDB') : one));
        const [whole, cut] = [await replay(bytes, options), await replay(bytes, options, ...pieces)];
        assert.equal(whole.text, select0 + log(...real));
        assert.deepEqual([cut.text, cut.facts], [whole.text, whole.facts]);
      }),
      { numRuns: Number(process.env.CASES) || 300 },
    );
  });
});
