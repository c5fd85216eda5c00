import assert from 'node:assert/strict';
import { CHECKS, checkInput, checkMessage, isMessage } from '../../workflows/inputs.ts';
import { checkApproval, checkConduct, checkExtension, checkStep } from '../../workflows/recovery/control-messages.ts';
import { checkAlarm, checkDecision } from '../../workflows/watch/messages.ts';

const messageOf = (check: () => unknown): string => {
  try {
    check();
  } catch (error) {
    return (error as Error).message;
  }
  return 'taken';
};
const QUESTION = { incident: '20260801T104207Z', text: 'Start it?', askedAt: '2026-08-01T10:42:07Z' };

describe('What people type to a workflow', () => {
  it('is never a yes when a slip stands for `decline`', () => {
    for (const slip of [{ declined: true }, { Decline: true }, { decline: 'true' }, { approve: false }, { decline: null }])
      assert.match(
        messageOf(() => checkApproval({ by: 'ann', plan: 'p', ...slip } as never)),
        /not understood/,
        JSON.stringify(slip),
      );
    const said = messageOf(() => checkApproval({ by: 'ann', plan: 'p', declined: true } as never));
    assert.equal(said, 'approve was not understood: unknown field "declined" (known: by, plan, note, decline)');
  });

  it('is taken when it is whole', () => {
    assert.equal(
      messageOf(() => checkApproval({ by: 'ann', plan: 'p', note: 'no', decline: true })),
      'taken',
    );
    assert.equal(
      messageOf(() => checkStep({ by: 'ann', reason: 'why', step: 'warmup' })),
      'taken',
    );
    assert.equal(
      messageOf(() => checkConduct('hold', { by: 'ann', reason: 'why' })),
      'taken',
    );
    assert.equal(
      messageOf(() => checkExtension({ by: 'ann', reason: 'why', minutes: 30 })),
      'taken',
    );
    assert.equal(
      messageOf(() => checkDecision('approve', { by: 'ann', incident: QUESTION.incident }, QUESTION)),
      'taken',
    );
    assert.equal(
      messageOf(() => checkAlarm({ incident: 'a', by: 'b', startsAt: '2026-08-01T10:42:07Z', labels: {} })),
      'taken',
    );
  });

  const slips: [string, (message: never) => void, object, RegExp][] = [
    [
      'a reason under another name',
      (one) => checkConduct('hold', one),
      { by: 'ann', why: 'x' },
      /unknown field "why".*"reason" is missing/,
    ],
    [
      'minutes as a text',
      checkExtension,
      { by: 'ann', reason: 'x', minutes: '30' },
      /"minutes" is "30", it must be a number from 1 to 1440/,
    ],
    ['a step too many', checkStep, { by: 'ann', reason: 'x', step: 'warmup', steps: ['data'] }, /unknown field "steps"/],
    [
      'an answer to a watcher with a plan',
      (one) => checkDecision('approve', one, QUESTION),
      { by: 'ann', incident: QUESTION.incident, decline: true },
      /unknown field "decline"/,
    ],
    ['an alarm without a time', checkAlarm, { incident: 'a', by: 'b', startsAt: 'soon' }, /"startsAt" is "soon"/],
    ['a name of 501 letters', (one) => checkConduct('abort', one), { by: 'a'.repeat(501), reason: 'x' }, /at most 500 letters/],
    ['nothing', checkApproval, undefined as never, /not one JSON object/],
    ['a list', checkApproval, ['ann'], /not one JSON object/],
    ['what every object has', checkApproval, { by: 'ann', plan: 'p', constructor: 1 }, /unknown field "constructor"/],
  ];
  for (const [what, check, message, says] of slips)
    it(`is refused by name: ${what}`, () =>
      assert.match(
        messageOf(() => check(message as never)),
        says,
      ));

  it('says what a whole message is', () => {
    try {
      checkMessage('detach', { name: 'ann' }, '{"by":"ann"}', { by: CHECKS.line } as never);
      assert.fail('taken');
    } catch (error) {
      assert.deepEqual((error as { details: unknown[] }).details, [{ next: 'A whole one is {"by":"ann"}. Nothing was done.' }]);
    }
  });

  it('is passed over where it is a signal that nobody can refuse', () => {
    assert.equal(isMessage({ succeeded: true }, { succeeded: CHECKS.flag }), true);
    for (const message of [undefined, null, {}, { succeeded: 'yes' }, { succeeded: true, by: 'ann' }])
      assert.equal(isMessage(message as never, { succeeded: CHECKS.flag } as never), false, JSON.stringify(message));
  });

  it('names an example only where there is one', () => {
    assert.match(
      messageOf(() => checkInput('examinePlace', { instance: 5 } as never, { instance: CHECKS.instance } as never, {})),
      /"instance" is 5/,
    );
  });
});
