import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PAGE_BYTES, type RunbookStatus, renderRunbook, STEP_IDS, type StepState } from '../../../model/recovery/runbook.ts';
import { runbookText } from '../../../model/recovery/text.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.constantFrom('| a | b |', 'line\nline', '🧨'.repeat(200)),
);
const STATES: StepState[] = ['todo', 'doing', 'done', 'failed', 'skipped'];
const status: fc.Arbitrary<RunbookStatus> = fc.record(
  {
    instance: fc.constantFrom('main', 'a'.repeat(63)),
    startedAt: fc.constant('2026-08-01T03:00:00.000Z'),
    clients: text,
    needs: text,
    question: fc.option(
      fc.record({ plan: fc.string(), text, answerBy: fc.constant('2026-08-01T03:05:00.000Z'), otherwise: text }),
      { nil: undefined },
    ),
    now: text,
    worstLoss: text,
    changed: fc.array(text, { maxLength: 5 }),
    applications: fc.array(text, { maxLength: 20 }),
    held: fc.option(fc.record({ by: text, reason: text }), { nil: undefined }),
    steps: fc.constant(STEP_IDS).chain((ids) =>
      fc.tuple(
        ...ids.map((step) =>
          fc.record({
            step: fc.constant(step),
            state: fc.constantFrom(...STATES),
            startedAt: fc.constant('2026-08-01T03:00:01.000Z'),
            seconds: fc.constant(0.3),
            note: text,
          }),
        ),
      ),
    ),
    notes: fc.array(text),
    outcome: fc.option(fc.constantFrom('serving', 'not-serving'), { nil: undefined }),
  },
  { requiredKeys: ['instance', 'startedAt', 'clients', 'now', 'worstLoss', 'changed', 'applications', 'steps', 'notes'] },
);

describe('the page of a recovery', () => {
  it('says what only a person can do where it says what you must do, and nothing only where that is so', () => {
    const status = {
      ...{ instance: 'main', startedAt: '2026-08-01T03:00:00.000Z', clients: 'refused', now: 'looking', worstLoss: 'unknown' },
      ...{ changed: [], applications: [], steps: [], notes: [] },
    };
    for (const text of [renderRunbook, runbookText]) {
      assert.match(text(status), /nothing to do/);
      const needed = text({ ...status, needs: 'Free space on /data' });
      assert.match(needed, /(?:You\*\*:|you) +Free space on \/data/);
      assert.doesNotMatch(needed, /nothing to do/);
    }
  });

  it('is never longer than a URL carries, whatever was seen', () => {
    fc.assert(fc.property(status, (one) => assert.ok(Buffer.byteLength(renderRunbook(one)) <= PAGE_BYTES)));
  });

  it('begins with what clients get, and then says what the person must do', () => {
    fc.assert(
      fc.property(status, (one) => {
        const lines = renderRunbook(one).split('\n').filter(Boolean);
        assert.ok(lines[0]?.startsWith(`**${one.instance}`), lines[0]);
        assert.match(lines[1] ?? '', /\*\*You\*\*/);
      }),
    );
  });

  it('has whole commands for yes and no, and none that stops it when it has ended', () => {
    const question = { plan: 'f00d', text: 'Start empty?', answerBy: '2026-08-01T03:05:00.000Z', otherwise: 'wait' };
    const open: RunbookStatus = {
      instance: 'main',
      startedAt: '2026-08-01T03:00:00.000Z',
      ...{
        clients: 'dead',
        question,
        now: 'waiting for your answer',
        worstLoss: '1 s',
        changed: [],
        applications: [],
        steps: [],
        notes: [],
      },
    };
    const page = renderRunbook(open);
    const command = "`temporal workflow update execute -w recover/main --name approve --input '";
    assert.ok(page.includes(`Yes: ${command}{"by":"you","plan":"f00d"}'\``), page);
    assert.ok(page.includes(`No: ${command}{"by":"you","plan":"f00d","decline":true}'\``), page);
    assert.match(page, /--name hold/);
    const { question: _, ...ended }: RunbookStatus = { ...open, outcome: 'serving', summary: 'main serves' };
    assert.doesNotMatch(renderRunbook(ended), /temporal workflow/);
  });

  it('names on a terminal the command that answers, and the one that stops everything', () => {
    const page = runbookText({
      instance: 'main',
      startedAt: '2026-08-01T03:00:00.000Z',
      clients: 'connections are refused',
      question: { plan: 'f00d', text: 'Start empty?', answerBy: '2026-08-01T03:05:00.000Z', otherwise: 'it starts empty' },
      now: 'waiting for your answer',
      worstLoss: 'about 1 s of writes',
      changed: [],
      applications: [],
      steps: [{ step: 'assess', state: 'done', seconds: 0.3, note: 'the log is damaged' }],
      notes: [],
    });
    assert.deepEqual(page.split('\n').slice(0, 3), [
      'main: connections are refused',
      'you        Start empty? By 03:05:00 UTC, else: it starts empty',
      '           redis-backup recover main --approve f00d   (no: --decline f00d)',
    ]);
    assert.match(page, /^stop {7}redis-backup recover main --hold REASON$/m);
    assert.match(page, /^\+ Assess +0\.3 s {2}the log is damaged$/m);
  });
});
