/** `npm test` after the set-up: types, lint and every test file once, in suites, but for slow ones; the last line counts the tests. */
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SuiteResult } from './test-reporter.ts';

interface Suite {
  name: string;
  files: string[];
  /** Test files at a time. Tests that measure time-outs of Temporal want the machine for themselves. */
  jobs: number;
  /** Takes many minutes, or needs more than Redis, Temporal and S3: runs only when it is asked for by name. */
  slow?: true;
  /** In front of mocha: gives it what it runs in. */
  inside?: string[];
}

const SUITES: Suite[] = [
  {
    name: 'rooms',
    files: ['test/*.test.ts', 'test/{model,config,redis,repository,platforms,probes,activities,cli}/**/*.test.ts'],
    jobs: 3,
  },
  { name: 'workflows', files: ['test/{workflows,worker}/**/*.test.ts'], jobs: 1 },
  { name: 'journeys', files: ['test/journeys/**/*.test.ts'], jobs: 2 },
  { name: 'faults', files: ['test/faults/**/*.test.ts'], jobs: 2, slow: true },
  { name: 'soak', files: ['test/soak/**/*.test.ts'], jobs: 1, slow: true },
  { name: 'chromium', files: ['test/chromium/**/*.test.ts'], jobs: 1, slow: true },
  {
    name: 'kubernetes',
    files: ['test/kubernetes/**/*.test.ts'],
    jobs: 1,
    slow: true,
    inside: ['node', 'test/kubernetes/node/main.ts', 'run', '--'],
  },
  // Later: docker, which is one line here, and scripts/setup gets what it needs.
];

const CHECKS = [
  { name: 'types', command: ['tsc'] },
  { name: 'lint', command: ['biome', 'check', '.'] },
];

const root = fileURLToPath(new URL('..', import.meta.url));
const results = join(root, '.cache/test-results');

const glob = (patterns: string[]): string[] => globSync(patterns, { cwd: root }).sort();

/** Runs a command on the terminal that we were started on; seconds and exit code. */
function run(command: string[], env: NodeJS.ProcessEnv = {}): { seconds: number; code: number } {
  const begun = performance.now();
  const [file = '', ...args] = command;
  const { status, error } = spawnSync(file, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (error) console.error(`${file}: ${error.message}`);
  return { seconds: (performance.now() - begun) / 1000, code: status ?? 1 };
}

const heading = (text: string): void => console.log(`\n── ${text} ${'─'.repeat(Math.max(0, 100 - text.length))}`);

/** A run that ended without its result (a crash, a kill) is a failure, whatever it printed. */
function runSuite({ name, files, jobs, inside = [] }: Suite): { seconds: number; result: SuiteResult } {
  const file = join(results, `${name}.json`);
  const parallel = jobs > 1 ? ['--parallel', '--jobs', String(jobs)] : [];
  const reporter = ['--exit', '--reporter', './scripts/test-reporter.ts']; // --exit: what a failed test left open must not hold up the others
  const { seconds, code } = run([...inside, 'mocha', ...reporter, ...parallel, ...files], { TEST_RESULT: file });
  const result = readResult(file);
  if (code !== 0 && result.failed.length === 0) {
    result.failed.push({ title: `suite ${name}`, message: `mocha ended with code ${code}` });
  }
  return { seconds, result };
}

function readResult(file: string): SuiteResult {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as SuiteResult;
  } catch {
    return { passed: 0, failed: [], skipped: [], slowest: [] }; // the caller sees the exit code
  }
}

/** A test file in no suite would never run, and one in two would be counted twice. */
function misplacedFiles(): string[] {
  const placed = SUITES.flatMap(({ files }) => glob(files));
  const once = (file: string): boolean => placed.filter((other) => other === file).length === 1;
  return glob(['test/**/*.test.ts']).filter((file) => !once(file));
}

function chosenSuites(): Suite[] {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    console.error(`unknown suite ${unknown.join(', ')}: there are ${SUITES.map(({ name }) => name).join(', ')}`);
    process.exit(2);
  }
  return names.length === 0 ? SUITES.filter(({ slow }) => !slow) : SUITES.filter(({ name }) => names.includes(name));
}

function main(): void {
  const suites = chosenSuites();
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const lines: string[] = [];
  const total: SuiteResult = { passed: 0, failed: [], skipped: [], slowest: [] };

  const checks = suites.every(({ slow }) => slow) ? [] : CHECKS; // slow ones run after the others, which have checked
  for (const { name, command } of checks) {
    heading(name);
    const { seconds, code } = run(command);
    if (code !== 0) total.failed.push({ title: name, message: `${command.join(' ')} found something, see above` });
    lines.push(`${name.padEnd(10)} ${code === 0 ? 'ok' : 'FAILED'} (${seconds.toFixed(0)} s)`);
  }
  for (const file of misplacedFiles())
    total.failed.push({ title: file, message: 'is in no suite, or in two, of scripts/test-suites.ts' });
  for (const suite of suites) {
    const files = glob(suite.files);
    if (files.length === 0) continue;
    heading(suite.name);
    const { seconds, result } = runSuite({ ...suite, files });
    for (const key of ['failed', 'skipped', 'slowest'] as const) (total[key] as unknown[]).push(...result[key]);
    total.passed += result.passed;
    const skipped = result.skipped.length > 0 ? `, ${result.skipped.length} skipped` : '';
    lines.push(
      `${suite.name.padEnd(10)} ${result.passed} passed, ${result.failed.length} failed${skipped} of ${files.length} files (${seconds.toFixed(0)} s)`,
    );
  }
  summarize(lines, total);
}

function summarize(lines: string[], { passed, failed, skipped, slowest }: SuiteResult): void {
  heading('summary');
  for (const { title, ms } of slowest.sort((a, b) => b.ms - a.ms).slice(0, 5))
    console.log(`slow: ${(ms / 1000).toFixed(1)} s  ${title}`);
  for (const line of lines) console.log(line);
  for (const title of skipped) console.log(`skipped: ${title}`);
  for (const { title, message } of failed) console.log(`FAILED: ${title}: ${message.split('\n')[0]}`);
  const count = `${passed} passed, ${failed.length} failed, ${skipped.length} skipped`;
  writeFileSync(join(results, 'summary.txt'), `${count}\n`);
  console.log(count);
  process.exitCode = failed.length > 0 ? 1 : 0;
}

main();
