import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

/** What one mocha run found, as the last word about it: written when the run has ended and not before. */
export interface SuiteResult {
  passed: number;
  failed: { title: string; message: string }[];
  skipped: string[];
  slowest: { title: string; ms: number }[];
}

const SLOWEST = 5;

/** Mocha's own `spec`, which also writes a SuiteResult to the file that TEST_RESULT names. */
export default class TestReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const result: SuiteResult = { passed: 0, failed: [], skipped: [], slowest: [] };
    runner.on('pass', (test) => {
      result.passed += 1;
      result.slowest.push({ title: test.fullTitle(), ms: test.duration ?? 0 });
    });
    // A failing hook counts as a failure too: its title says which test it stood before.
    runner.on('fail', (test, error) => result.failed.push({ title: test.fullTitle(), message: String(error?.message ?? error) }));
    runner.on('pending', (test) => result.skipped.push(test.fullTitle()));
    runner.once('end', () => {
      result.slowest = result.slowest.sort((a, b) => b.ms - a.ms).slice(0, SLOWEST);
      if (process.env.TEST_RESULT) writeFileSync(process.env.TEST_RESULT, JSON.stringify(result));
    });
  }
}
