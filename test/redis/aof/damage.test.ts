import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cutText, type LogDamage } from '../../../model/recovery/log-damage.ts';
import { findDamage } from '../../../redis/aof/damage.ts';
import { readAofSource } from '../../../redis/aof/source.ts';
import { layOutTrial, shortenLog } from '../../../redis/aof/trial.ts';

const SET = (key: string) => `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$3\r\nabc\r\n`;
const MULTI = '*1\r\n$5\r\nMULTI\r\n';
const WHOLE = SET('a') + SET('b');

describe('Where a log can no longer be read', () => {
  let dir: string;
  const place = () => ({ dir, appenddirname: 'appendonlydir', appendfilename: 'log.aof' });
  const incr = (seq: number) => join(dir, 'appendonlydir', `log.aof.${seq}.incr.aof`);
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'damage-'));
    mkdirSync(join(dir, 'appendonlydir'));
    write(WHOLE);
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  function write(...increments: string[]) {
    const lines = increments.map((_, index) => `file log.aof.${index + 1}.incr.aof seq ${index + 1} type i\n`);
    writeFileSync(join(dir, 'appendonlydir', 'log.aof.manifest'), lines.join(''));
    for (const [index, text] of increments.entries()) writeFileSync(incr(index + 1), text, 'latin1');
  }
  const seen = async (): Promise<Partial<LogDamage> | undefined> => {
    const damage = await findDamage(place());
    if (!damage) return undefined;
    const { kind, where, wholeBytes, badBytes } = damage;
    return { kind, where, wholeBytes, badBytes };
  };

  it('is nowhere in a whole one, with a transaction, line feeds of values and times in it', async () => {
    write(`#TS:1700000000\r\n${WHOLE}${MULTI}${SET('c')}*1\r\n$4\r\nEXEC\r\n`, '');
    assert.equal(await seen(), undefined);
  });

  const ENDS: [what: string, end: string, kind: string][] = [
    ['zeros', '\0'.repeat(4096), 'zeros'],
    ['a cut command', SET('c').slice(0, -4), 'cut-command'],
    ['a cut command and zeros', `${SET('c').slice(0, 8)}${'\0'.repeat(100)}`, 'zeros'],
    ['half a transaction', MULTI + SET('c'), 'open-transaction'],
    ['half a transaction and zeros', `${MULTI}${SET('c')}${'\0'.repeat(100)}`, 'zeros'],
    ['garbage', 'what is this?', 'garbage'],
    ['garbage with a star in it', '*3\r\n$3\r\nSET\r\n$9\r\nxx\r\nno command', 'garbage'],
  ];
  for (const [what, end, kind] of ENDS)
    it(`is its end where that is ${what}`, async () => {
      write(SET('z'), WHOLE + end, '');
      assert.deepEqual(await seen(), { kind, where: 'end', wholeBytes: WHOLE.length, badBytes: end.length });
    });

  const MIDDLE = { kind: 'garbage', where: 'middle', wholeBytes: WHOLE.length };
  const behind = async () => (await findDamage(place()))?.behind;

  it('is its middle where whole commands follow, in the same file or in the next, and says where they begin', async () => {
    const lost = `${'\0'.repeat(4096)}${SET('c')}`;
    write(WHOLE + lost);
    assert.deepEqual(await seen(), { ...MIDDLE, kind: 'zeros', badBytes: lost.length });
    assert.deepEqual(await behind(), { name: 'log.aof.1.incr.aof', at: WHOLE.length + 4096, bytes: SET('c').length });
    write(WHOLE + SET('c').slice(0, -4), WHOLE);
    const bad = SET('c').length - 4 + WHOLE.length;
    assert.deepEqual(await seen(), { ...MIDDLE, kind: 'cut-command', badBytes: bad });
    assert.deepEqual(await behind(), { name: 'log.aof.2.incr.aof', at: 0, bytes: WHOLE.length });
    write(`${WHOLE}what is this?${WHOLE}`, WHOLE);
    assert.deepEqual(await behind(), { name: 'log.aof.1.incr.aof', at: WHOLE.length + 13, bytes: 2 * WHOLE.length });
  });

  it('is its middle where a length is wrong and takes what follows for its value, to the end of the file or not', async () => {
    for (const length of ['60', '999999']) {
      const wrong = SET('c').replace('$1', `$${length}`);
      const lost = wrong + WHOLE.repeat(3);
      write(WHOLE + lost);
      assert.deepEqual(await seen(), { ...MIDDLE, badBytes: lost.length });
      assert.equal((await behind())?.bytes, WHOLE.length * 3);
    }
  });

  it('is its end where the value of the last command holds a command, or the transaction without an end holds some', async () => {
    const value = SET('in a value');
    const cut = `*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$5000\r\n${value}${'x'.repeat(100)}`;
    write(WHOLE + cut);
    assert.deepEqual(await seen(), { kind: 'cut-command', where: 'end', wholeBytes: WHOLE.length, badBytes: cut.length });
    const open = `${MULTI}${WHOLE.repeat(3)}${'\0'.repeat(100)}`;
    write(WHOLE + open);
    assert.deepEqual(await seen(), { kind: 'zeros', where: 'end', wholeBytes: WHOLE.length, badBytes: open.length });
  });

  it('says from when to when the writes were that are lost, where the log has times, and that it cannot be told where not', async () => {
    const told = async () => {
      const damage = await findDamage(place());
      assert.ok(damage);
      return cutText(damage);
    };
    const at = (second: number) => `#TS:${1_700_000_000 + second}\r\n`;
    write(`${at(0)}${SET('a')}what?${at(30)}${SET('b')}`, `${at(90)}${SET('c')}`);
    assert.match(await told(), /1 min 30 s of writes, those from 2023-11-14T22:13:20\S* to 2023-11-14T22:14:50/);
    write(`${SET('a')}what?${SET('b')}`);
    assert.match(
      await told(),
      /what stands behind byte \d+ of log\S+, in its middle, is left out: .* cannot be told, because the log has no times$/,
    );
    write(`${SET('a')}what?`);
    assert.match(await told(), /5 bytes are cut off its end; .* cannot be told, because the log has no times$/);
    write(`${SET('a')}\0\0`);
    assert.match(await told(), /\(about 1 s with appendfsync everysec\)$/);
  });

  it('says when the last whole command was written, where the log has times', async () => {
    write(`#TS:1700000000\r\n${SET('a')}#TS:1700000060\r\n${SET('b')}\0\0`);
    assert.equal((await findDamage(place()))?.lastWriteAt, new Date(1700000060_000).toISOString());
    write(`${WHOLE}\0`);
    assert.equal((await findDamage(place()))?.lastWriteAt, undefined);
  });

  it('is found in the single file of Redis 6, too', async () => {
    rmSync(join(dir, 'appendonlydir'), { recursive: true });
    writeFileSync(join(dir, 'log.aof'), `${WHOLE}\0\0\0`);
    assert.deepEqual(await seen(), { kind: 'zeros', where: 'end', wholeBytes: WHOLE.length, badBytes: 3 });
  });

  it('is left out by a trial, which writes to a file of its own', async () => {
    write(WHOLE, `${WHOLE}\0`, WHOLE);
    const cut = join(dir, 'cut');
    writeFileSync(cut, WHOLE);
    const shortened = await shortenLog(place(), 'log.aof.2.incr.aof');
    assert.deepEqual(shortened.followers, ['log.aof.3.incr.aof']);
    await layOutTrial(place(), { name: 'log.aof.2.incr.aof', path: cut }, shortened, join(dir, 'trial'));
    const trial = join(dir, 'trial', 'appendonlydir');
    assert.deepEqual(readdirSync(trial).sort(), [1, 2, 3].map((seq) => `log.aof.${seq}.incr.aof`).concat('log.aof.manifest'));
    appendFileSync(join(trial, 'log.aof.3.incr.aof'), WHOLE);
    assert.equal(readFileSync(join(trial, 'log.aof.2.incr.aof'), 'latin1'), WHOLE);
    assert.equal(readFileSync(incr(3), 'latin1'), WHOLE, 'the increment of the damaged log is untouched');
  });

  it('is where an import ends that takes what stands in front of it, and refused without that', async () => {
    write(WHOLE, `${WHOLE}\0\0`, WHOLE);
    await assert.rejects(readAofSource(dir), { code: 'LOG_MALFORMED' });
    const { incrs, cutBytes } = await readAofSource(dir, { upToDamage: true });
    assert.deepEqual(
      incrs.map(({ bytes }) => bytes),
      [WHOLE.length, WHOLE.length],
    );
    assert.equal(cutBytes, 2 + WHOLE.length);
  });
});
