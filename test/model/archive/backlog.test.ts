import assert from 'node:assert/strict';
import { type BufferNeeds, judgeBuffer } from '../../../model/archive/backlog.ts';

const MB = 1024 * 1024;

describe('what Redis collects for whoever follows it', () => {
  const of = (limit: string, needs: Partial<BufferNeeds>, backlog = 1) =>
    judgeBuffer(`normal 0 0 0 slave ${limit} pubsub 1 1 1`, backlog, { bytesPerSecond: 0, ...needs });
  const largest = (bytes: number) => ({ largest: { bytes, from: 'in the log' } });
  const atMs = Date.parse('2026-08-01T10:00:00Z');

  it('is its hard limit, or the soft one that a pause outlasts, and never less than the backlog', () => {
    const isEnough = (limit: string, bytes: number, backlog?: number) =>
      of(limit, largest(bytes), backlog).wantedBytes === undefined;
    for (const [limit, bytes, backlog] of [
      [`${256 * MB} ${64 * MB} 60`, 256 * MB],
      [`${256 * MB} ${64 * MB} 5`, 64 * MB],
      [`0 ${64 * MB} 5`, 64 * MB],
      [`${MB} ${MB} 0`, 16 * MB, 16 * MB],
    ] as const) {
      assert.deepEqual([isEnough(limit, bytes - 1, backlog), isEnough(limit, bytes, backlog)], [true, false], limit);
    }
    assert.deepEqual(of('0 0 0', { bytesPerSecond: 1e9, ...largest(1e12) }), { says: 'replica 0 0 0 is no limit' });
  });

  it('must hold what comes at once, and says how large that is and where it was seen', () => {
    const { says, wantedBytes } = of(`${4 * MB} 0 0`, largest(5 * MB));
    assert.equal(says, 'replica 4194304 0 0 is less than what came at once: 5.2 MB in the log');
    assert.equal(wantedBytes, 10 * MB);
    assert.match(of(`${6 * MB} 0 0`, largest(5 * MB)).says, /is enough for 10 s of 0 B\/s, and for what came at once: 5\.2 MB/);
  });

  it('must hold what is written in the longest pause that was seen, and in ten seconds at least', () => {
    const second = { bytesPerSecond: MB };
    assert.equal(of(`${11 * MB} 0 0`, second).wantedBytes, undefined);
    assert.equal(of(`${10 * MB} 0 0`, second).wantedBytes, 20 * MB);
    const paused = of(`${30 * MB} 0 0`, { ...second, pause: { ms: 43_000, atMs } });
    assert.equal(paused.wantedBytes, 86 * MB);
    assert.match(
      paused.says,
      /is reached in 30 s at writes of 1\.0 MB\/s now: an archiver that pauses for 43 s, as long as it paused at 2026-08-01 10:00:00/,
    );
    const soft = of(`${256 * MB} ${MB} 20`, { ...second, pause: { ms: 21_000, atMs } });
    assert.equal(soft.wantedBytes, 42 * MB, 'a pause that outlasts the time of the soft limit');
  });
});
