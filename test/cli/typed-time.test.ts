import assert from 'node:assert/strict';
import { inBoth, parseTypedTime, timeOf, typedMoment } from '../../cli/typed-time.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const BERLIN = 'Europe/Berlin';
const at = (text: string, zone = BERLIN) => {
  const typed = parseTypedTime(text, NOW, zone);
  return typed && new Date(typed.atMs).toISOString().replace('.000', '');
};

describe('A time as people type it', () => {
  const times: [string, string][] = [
    ['10m ago', '2026-11-29T11:50:00Z'],
    ['10 minutes ago', '2026-11-29T11:50:00Z'],
    ['10 min ago', '2026-11-29T11:50:00Z'],
    ['1h30m ago', '2026-11-29T10:30:00Z'],
    ['1h 30m ago', '2026-11-29T10:30:00Z'],
    ['1 hour and 30 minutes ago', '2026-11-29T10:30:00Z'],
    ['2d ago', '2026-11-27T12:00:00Z'],
    ['1.5h ago', '2026-11-29T10:30:00Z'],
    ['90s ago', '2026-11-29T11:58:30Z'],
    ['now', '2026-11-29T12:00:00Z'],
    ['2026-11-29 10:00', '2026-11-29T09:00:00Z'],
    ['2026-11-29T10:00:05', '2026-11-29T09:00:05Z'],
    ['2026-07-01 10:00', '2026-07-01T08:00:00Z'],
    ['2026-11-29 10:00 UTC', '2026-11-29T10:00:00Z'],
    ['2026-11-29 10:00:05 UTC', '2026-11-29T10:00:05Z'],
    ['2026-11-29T10:00Z', '2026-11-29T10:00:00Z'],
    ['2026-11-29T10:00:05.250Z', '2026-11-29T10:00:05.250Z'],
    ['2026-11-29 10:00 +02:00', '2026-11-29T08:00:00Z'],
    ['2026-11-29T10:00+0530', '2026-11-29T04:30:00Z'],
    ['2026-11-29 10:00 -08', '2026-11-29T18:00:00Z'],
    ['2026-11-29 10:00 America/New_York', '2026-11-29T15:00:00Z'],
    ['10:42', '2026-11-29T09:42:00Z'],
    ['10:42:07', '2026-11-29T09:42:07Z'],
    ['10:42 UTC', '2026-11-29T10:42:00Z'],
    ['today 10:42', '2026-11-29T09:42:00Z'],
    ['yesterday 10:42', '2026-11-28T09:42:00Z'],
  ];
  for (const [text, iso] of times) it(`is understood: ${text}`, () => assert.equal(at(text), iso));

  it('is that of yesterday where it has not come yet today', () => {
    assert.equal(at('23:15'), '2026-11-28T22:15:00Z');
    assert.equal(at('13:30'), '2026-11-28T12:30:00Z');
    assert.equal(at('12:59'), '2026-11-29T11:59:00Z');
  });

  for (const text of [
    '',
    'soon',
    '10',
    '10m',
    'ago',
    '-10m ago',
    '10x ago',
    '10m ago 5',
    '2026-11-29',
    '2026-02-30 10:00',
    '24:00',
    '10:60',
    '2026-13-01 10:00',
    '2026-11-29 10:00 CET',
    '2026-11-29 10:00 Europe/Nowhere',
    '2026-11-29 10:00 +25:00',
    '29.11.2026 10:00',
    '10:42 tomorrow',
  ])
    it(`is not guessed: "${text}"`, () => assert.equal(parseTypedTime(text, NOW, BERLIN), undefined));

  it('is refused where its zone has it twice or never, with what was meant', () => {
    const said = (text: string) => {
      try {
        return String(at(text));
      } catch (error) {
        const { message, next } = error as { message: string; next: string };
        return `${message} ${next}`;
      }
    };
    assert.match(
      said('2026-10-25 02:30'),
      /Berlin has this time twice: clocks were set back Say it in UTC: 2026-10-25T00:30:00Z or 2026-10-25T01:30:00Z/,
    );
    assert.match(said('2026-03-29 02:30'), /Berlin has no such time: clocks were set forward/);
    assert.equal(said('2026-10-25 02:30 +01:00'), '2026-10-25T01:30:00Z');
  });

  it('is repeated in both zones, unless it was said in UTC', () => {
    const notes: string[] = [];
    const context = { output: { note: (text: string) => void notes.push(text) } as never, now: () => NOW };
    assert.equal(typedMoment('2026-11-29 10:00 Europe/Berlin', '--until', context), '2026-11-29T09:00:00.000Z');
    assert.equal(timeOf('2026-11-29 10:00 +02:00', '--from', context), Date.parse('2026-11-29T08:00:00Z'));
    for (const text of ['latest', '2026-11-29T10:00:00Z', `${'a'.repeat(40)}-0000000000000001@17`])
      assert.equal(typedMoment(text, '--until', context), text);
    assert.equal(typedMoment('2026-11-29 10:00 UTC', '--until', context), '2026-11-29T10:00:00.000Z');
    assert.deepEqual(notes, [
      '--until "2026-11-29 10:00 Europe/Berlin" is 2026-11-29 10:00:00 Europe/Berlin (+01:00), which is 2026-11-29 09:00:00 UTC',
      '--from "2026-11-29 10:00 +02:00" is 2026-11-29 10:00:00 +02:00, which is 2026-11-29 08:00:00 UTC',
    ]);
    assert.equal(inBoth(NOW, 'UTC'), '2026-11-29 12:00:00 UTC');
    assert.throws(() => typedMoment('last friday', '--until', context), /--until is "last friday", which is no time/);
  });
});
