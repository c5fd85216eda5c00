import assert from 'node:assert/strict';
import type { DestructiveCommand } from '../../../model/archive/timeline.ts';
import { CommandReader } from '../../../redis/log/command-reader.ts';
import { DestructiveWatch, type DestructiveWatchOptions } from '../../../redis/log/destructive.ts';
import { command, log, type Words } from '../support/log-bytes.ts';

type Step = [atMs: number, ...commands: Words[]];

/**
 * Feeds the commands of each moment, behind a SELECT 0. Offsets are given as numbers of commands: SELECT ends at 1.
 * @param eachTime - whether what is known is asked for after each moment, or only after all
 */
function watch(
  steps: Step[],
  options: DestructiveWatchOptions = { keys: 1000 },
  { eachTime = false } = {},
): DestructiveCommand[] {
  const found: DestructiveCommand[] = [];
  const destructive = new DestructiveWatch((one) => found.push(one), options);
  const ends = [0];
  let now = 0;
  const reader = new CommandReader(undefined, {
    onCommand: (seen) => {
      ends.push(seen.end);
      destructive.see(seen, now);
    },
  });
  for (const [atMs, ...commands] of [[0, ['SELECT', 0]] as Step, ...steps]) {
    now = atMs;
    reader.read(log(...commands.map((words) => command(...words))));
    if (eachTime) destructive.tellRuns();
  }
  destructive.tellRuns();
  return found.map((one) => ({ ...one, before: ends.indexOf(one.before), after: ends.indexOf(one.after) }));
}

const keys = (count: number): string[] => Array.from({ length: count }, (_, index) => `key:${index}`);
const SET: Words = ['SET', 'a', 'b'];

describe('the watch for destructive commands', () => {
  for (const name of ['FLUSHALL', 'FLUSHDB', 'SWAPDB']) {
    it(`tells of ${name} and of the moment before it`, () => {
      const found = watch([[5, SET, [name.toLowerCase(), '0', '1'], SET]]);
      assert.deepEqual(found, [{ command: name, before: 2, after: 3, atMs: 5, db: 0 }]);
    });
  }

  for (const [command, name, ...others] of [
    ['mass delete', 'DEL'],
    ['mass delete', 'UNLINK'],
    ['mass rename', 'RENAME', 'sink'],
    ['mass rename', 'RENAMENX', 'sink'],
    ['mass move', 'MOVE', 7],
  ] as const) {
    it(`tells of a hundred ${name} within a second, and not of ninety-nine`, () => {
      const some = (count: number): Step[] => [
        [10, SET, ...keys(50).map((key): Words => [name, key, ...others])],
        [900, ...keys(count - 50).map((key): Words => [name, key, ...others]), SET],
      ];
      assert.deepEqual(watch(some(100), {}), [{ command, before: 2, after: 102, atMs: 10, db: 0, keys: 100 }]);
      assert.deepEqual(watch(some(99), {}), []);
    });
  }

  it('tells of one command that names a hundred keys', () => {
    const found = watch([[10, SET, ['DEL', ...keys(100)], SET]], {});
    assert.deepEqual(found, [{ command: 'mass delete', before: 2, after: 3, atMs: 10, db: 0, keys: 100 }]);
  });

  it('counts deletes, renames and moves each for themselves', () => {
    const each = keys(60).flatMap((key): Words[] => [
      ['DEL', key],
      ['RENAME', key, 'sink'],
      ['MOVE', key, 7],
    ]);
    assert.deepEqual(watch([[10, ...each]], {}), []);
  });

  it('reaches from before MULTI to behind EXEC', () => {
    const found = watch([
      [5, ['MULTI'], SET, ['FLUSHALL']],
      [6, ['SELECT', 3], ['FLUSHDB'], ['EXEC'], SET],
    ]);
    assert.deepEqual(found, [
      { command: 'FLUSHALL', before: 1, after: 7, atMs: 5, db: 0 },
      { command: 'FLUSHDB', before: 1, after: 7, atMs: 6, db: 3 },
    ]);
  });

  it('joins many deletes into one', () => {
    const found = watch([
      [10, ...keys(600).map((key): Words => ['DEL', key])],
      [400, SET, ['UNLINK', ...keys(500)], SET],
      [900, ['DEL', 'a']],
      [3000, SET],
    ]);
    assert.deepEqual(found, [{ command: 'mass delete', before: 1, after: 605, atMs: 10, db: 0, keys: 1101 }]);
  });

  it('tells of a mass delete while it goes on, as far as it has come, and no more when nothing is new', () => {
    const steps: Step[] = [
      [10, ['DEL', ...keys(999)]],
      [20, ['DEL', 'a']],
      [30, SET],
      [40, ['DEL', 'b', 'c']],
      [5000, SET],
    ];
    assert.deepEqual(
      watch(steps, { keys: 1000 }, { eachTime: true }).map((one) => [one.before, one.after, one.keys]),
      [
        [1, 3, 1000],
        [1, 5, 1002],
      ],
    );
    assert.equal(watch(steps).length, 1);
  });

  it('tells nothing of a transaction before its end', () => {
    const steps: Step[] = [
      [10, ['DEL', ...keys(1000)], ['MULTI'], ['DEL', ...keys(1000)]],
      [11, ['EXEC']],
    ];
    assert.deepEqual(
      watch(steps, { keys: 1000 }, { eachTime: true }).map((one) => [one.before, one.after, one.keys]),
      [[1, 5, 2000]],
    );
  });

  it('leaves alone what deletes slowly, or in several databases', () => {
    const slowly = Array.from({ length: 100 }, (_, index): Step => [index * 100, ['DEL', ...keys(90)]]);
    assert.deepEqual(watch(slowly), []);
    assert.deepEqual(watch([[1, ['DEL', ...keys(600)], ['SELECT', 1], ['DEL', ...keys(600)]]]), []);
  });

  it('takes two of them for two', () => {
    const found = watch([
      [0, ['DEL', ...keys(1000)]],
      [5000, ['DEL', 'lone']],
      [9000, ['DEL', ...keys(2000)]],
    ]);
    assert.deepEqual(
      found.map((one) => [one.keys, one.atMs, one.before, one.after]),
      [
        [1000, 0, 1, 2],
        [2000, 9000, 3, 4],
      ],
    );
  });

  it('goes by other thresholds where it is told to', () => {
    assert.deepEqual(
      watch(
        [
          [1, ['DEL', 'a']],
          [40, ['DEL', 'b']],
        ],
        { keys: 2, withinMs: 50 },
      ).map((one) => one.keys),
      [2],
    );
    assert.deepEqual(
      watch(
        [
          [1, ['DEL', 'a']],
          [60, ['DEL', 'b']],
        ],
        { keys: 2, withinMs: 50 },
      ),
      [],
    );
  });

  it('finds a mass delete in a transaction behind its EXEC', () => {
    const found = watch([[1, ['MULTI'], ['DEL', ...keys(2000)], SET, ['EXEC'], SET]]);
    assert.deepEqual(found, [{ command: 'mass delete', before: 1, after: 5, atMs: 1, db: 0, keys: 2000 }]);
  });
});
