import assert from 'node:assert/strict';
import { reasonIn } from '../../platforms/host/log-tail.ts';

const run = (pid: number, ...words: string[]): string[] => [
  `${pid}:C 24 Nov 2026 18:20:33.793 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo`,
  ...words.map((word) => `${pid}:M 24 Nov 2026 18:20:34.000 # ${word}`),
];

describe('The reason of an end, as a log has it', () => {
  it('is that of the last run, whatever an earlier one complained of', () => {
    const lines = [...run(1, 'Fatal error loading the DB: Invalid argument. Exiting.'), ...run(2, 'Server initialized')];
    assert.doesNotMatch(reasonIn(lines), /Fatal error/);
    assert.match(reasonIn([...lines, ...run(3, "Can't chdir to '/data': No such file or directory")]), /^[^|]*chdir/);
  });

  it('is the line of the configuration that is refused before anything is logged', () => {
    const refused = [
      '*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***',
      'Reading the configuration file, at line 9',
      'Bad directive',
    ];
    assert.match(reasonIn([...run(1, 'Error of before'), ...refused]), /^\*{3} FATAL.* line 9 \| Bad directive$/);
  });
});
