import assert from 'node:assert/strict';
import { COMMANDS } from '../../cli/commands/index.ts';
import { jsonOutput } from '../../cli/output/json.ts';
import type { ShownStatus } from '../../cli/output/output.ts';
import { statusText } from '../../cli/output/status-text.ts';
import { table } from '../../cli/output/table.ts';
import { textOutput } from '../../cli/output/text.ts';
import { withConfig } from '../../cli/output/with-config.ts';
import { RecoveryError } from '../../model/errors.ts';
import { Captured } from './support/command.ts';

const LOST = new RecoveryError('REDIS_UNREACHABLE', 'redis://db1:6379 did not answer', { next: 'See whether Redis runs.' });
const at = (doneBytes: number): ShownStatus => ({ workflowId: 'backup/main', phase: 'snapshot', stage: 'stream', doneBytes });

function streams(isTTY = false) {
  return { stdout: new Captured(), stderr: new Captured({ isTTY }) };
}

describe('what the command prints', () => {
  it('says how far an operation is', () => {
    const status = {
      workflowId: 'backup/main',
      phase: 'snapshot',
      stage: 'stream',
      doneBytes: 512e6,
      totalBytes: 1.2e9,
      estimated: true,
    };
    const TEXTS: [ShownStatus, string][] = [
      [{ workflowId: 'backup/main' }, 'backup/main'],
      [{ workflowId: 'backup/main', phase: 'stop' }, 'stop'],
      [{ workflowId: 'restore/main', phase: 'applications', question: 'Stays?' }, 'applications: it asks: Stays?'],
      [{ workflowId: 'backup/main', phase: 'download', stage: 'download', doneBytes: 1e6 }, 'download: 1.0 MB'],
      [status, 'snapshot, stream: 512.0 MB of about 1.2 GB (42 %)'],
      [
        { ...status, storedBytes: 130e6, bytesPerSecond: 85e6, etaSeconds: 8 },
        'snapshot, stream: 512.0 MB of about 1.2 GB (42 %), stored as 130.0 MB, 85.0 MB/s, 8 s left',
      ],
      [{ ...status, doneBytes: 2e9 }, 'snapshot, stream: 2.0 GB of about 1.2 GB (99 %)'],
      [
        { workflowId: 'backup/main', phase: 'stop', attempt: 3, problem: 'Redis did not stop' },
        'stop: attempt 3 after: Redis did not stop',
      ],
      [{ workflowId: 'backup/main', note: 'waiting: nobody comes' }, 'backup/main: waiting: nobody comes'],
    ];
    for (const [given, text] of TEXTS) assert.equal(statusText(given), text);
  });

  it('is for scripts one JSON object a line, status at most once a second, the result last', () => {
    const both = streams();
    let now = 0;
    const output = jsonOutput(both, () => now);
    output.note('joined');
    for (now = 0; now <= 2_000; now += 250) output.status(at(now));
    output.result({ outcome: 'stored' }, 'stored main');
    assert.deepEqual(
      both.stdout.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
      [
        { type: 'note', message: 'joined' },
        { type: 'status', workflowId: 'backup/main', phase: 'snapshot', stage: 'stream', doneBytes: 0 },
        { type: 'status', workflowId: 'backup/main', phase: 'snapshot', stage: 'stream', doneBytes: 1000 },
        { type: 'status', workflowId: 'backup/main', phase: 'snapshot', stage: 'stream', doneBytes: 2000 },
        { type: 'result', outcome: 'stored' },
      ],
    );
    assert.equal(both.stderr.text, '');
  });

  it('is for logs a line a step, and one every 30 s in a long one', () => {
    const both = streams();
    let now = 0;
    const output = textOutput(both, () => now);
    for (now = 0; now < 60_000; now += 1_000) output.status(at(now));
    output.status({ workflowId: 'backup/main', phase: 'verify' });
    output.result({}, 'stored main');
    assert.equal(both.stderr.text, 'snapshot, stream: 0 B\nsnapshot, stream: 30.0 kB\nverify\n');
    assert.equal(both.stdout.text, 'stored main\n');
  });

  it('is on a terminal one line that is redrawn, and gone before the result', () => {
    const both = streams(true);
    const output = textOutput(both, () => 0);
    output.status({ ...at(500), totalBytes: 1000 });
    assert.match(both.stderr.text, /\[#{12}-{12}\] snapshot, stream: 500 B of 1\.0 kB \(50 %\)/);
    output.result({}, 'stored main');
    assert.ok(!both.stderr.text.includes('\n'), 'the line was never ended');
    assert.equal(both.stdout.text, 'stored main\n');
  });

  it('redraws the page of a recovery in its place on a terminal, and leaves the last one above the result', () => {
    const both = streams(true);
    const output = textOutput(both);
    output.page({ text: 'main: refused\n> Restart', notes: [], json: {} });
    output.page({ text: 'main: served\n+ Restart', notes: [], json: {} });
    output.result({}, 'main serves');
    const { text } = both.stderr;
    assert.ok(text.includes('main: refused') && text.includes('main: served'));
    assert.match(text.slice(0, text.indexOf('main: served')), new RegExp(String.fromCharCode(27)), 'it goes back up');
    assert.equal(both.stdout.text, 'main serves\n');
  });

  it('gives a log of a recovery each note once, and a script the whole page when it has changed', () => {
    const text = streams();
    const output = textOutput(text);
    output.page({ text: 'page', notes: ['one'], json: {} });
    output.page({ text: 'page', notes: ['one', 'two'], json: {} });
    assert.equal(text.stderr.text, 'one\ntwo\n');
    const json = streams();
    const lines = jsonOutput(json);
    for (const now of ['loading', 'loading', 'serving']) lines.page({ text: '', notes: [], json: { now } });
    assert.equal(json.stdout.text, '{"type":"runbook","now":"loading"}\n{"type":"runbook","now":"serving"}\n');
  });

  it('names an error and the next step, with its own exit code', () => {
    const text = streams();
    assert.equal(textOutput(text).failure(LOST), 10);
    assert.equal(text.stderr.text, 'error: redis://db1:6379 did not answer\nnext: See whether Redis runs.\n');
    const json = streams();
    assert.equal(jsonOutput(json).failure(LOST), 10);
    assert.equal(
      json.stderr.text,
      '{"type":"error","code":"REDIS_UNREACHABLE","message":"redis://db1:6379 did not answer","next":"See whether Redis runs."}\n',
    );
  });

  it('calls a fault of our own one', () => {
    const both = streams();
    assert.equal(textOutput(both).failure(new TypeError('x is not a function')), 70);
    assert.equal(
      both.stderr.text,
      'error: unexpected: x is not a function\nnext: This is a fault in redis-backup: run it again with REDIS_BACKUP_DEBUG=1 and report it with what it prints.\n',
    );
  });

  it('puts columns side by side, numbers to the right', () => {
    assert.equal(
      table(
        [
          ['backup', 'keys'],
          ['a', '5,000'],
          ['bb', ''],
        ],
        [1],
      ),
      'backup   keys\na       5,000\nbb',
    );
  });

  it('has in every command that it names the configuration that it was given, quoted for the shell', () => {
    const names = COMMANDS.map(({ name }) => name);
    const printed = (configFile: string, text: string) => {
      const both = streams();
      withConfig(textOutput(both), { configFile, names }).result({}, text);
      return both.stdout.text.trimEnd();
    };
    const TEXTS: [text: string, wanted: string][] = [
      [
        'Carry it out with: redis-backup restore main --until latest --yes --expect-plan 4f',
        'Carry it out with: redis-backup restore --config /etc/s.yaml main --until latest --yes --expect-plan 4f',
      ],
      [
        '`redis-backup list`; `redis-backup find-destructive main`',
        '`redis-backup list --config /etc/s.yaml`; `redis-backup find-destructive --config /etc/s.yaml main`',
      ],
      ...[
        'redis-backup keeps what redis-backup made',
        'see /etc/redis-backup/redis-backup.yaml',
        'redis-backup list-of-all',
        'See `redis-backup status --help`.',
        'redis-backup check --config /etc/other.yaml',
      ].map((text): [string, string] => [text, text]),
    ];
    for (const [text, wanted] of TEXTS) assert.equal(printed('/etc/s.yaml', text), wanted);
    for (const name of names) assert.equal(printed('/a', `\`redis-backup ${name}\``), `\`redis-backup ${name} --config /a\``);
    assert.equal(printed("/it's mine/s.yaml", 'redis-backup list'), "redis-backup list --config '/it'\\''s mine/s.yaml'");
    assert.equal(printed('s.yaml', 'redis-backup list'), `redis-backup list --config ${process.cwd()}/s.yaml`);
  });

  it('has it in what a failure, a note, a page and a status say, in text and JSON', () => {
    const error = new RecoveryError('BACKUP_MISSING', 'no such backup', { next: 'Look at `redis-backup list`.' });
    for (const make of [textOutput, jsonOutput]) {
      const both = streams();
      const output = withConfig(make(both), { configFile: '/s.yaml', names: ['list'] });
      assert.equal(output.failure(error), 20);
      output.note(`redis-backup list`);
      output.status({ workflowId: 'w', phase: 'p', note: 'redis-backup list' });
      const all = both.stdout.text + both.stderr.text;
      assert.equal(all.split('redis-backup list --config /s.yaml').length, 4, all);
    }
  });
});
