import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { chooseAofFiles } from '../../../redis/aof/choose-files.ts';
import { rebuildAofManifest } from '../../../redis/aof/rebuild-manifest.ts';

const NAME = 'appendonly.aof';
const named = (...short: string[]) => short.map((one) => `${NAME}.${one}`);
const base = (seq: number) => `${NAME}.${seq}.base.rdb`;
const incr = (seq: number) => `${NAME}.${seq}.incr.aof`;

const CLEAR: Record<string, [names: string[], chosen: string[]]> = {
  'a log that was never rewritten': [named('1.base.rdb', '1.incr.aof'), named('1.base.rdb', '1.incr.aof')],
  'one in the middle of a rewrite': [named('3.base.rdb', '3.incr.aof', '4.incr.aof'), [base(3), incr(3), incr(4)]],
  'one whose first rewrites failed': [named('2.base.rdb', '4.incr.aof', '5.incr.aof'), [base(2), incr(4), incr(5)]],
  'increments from 9 to 10': [named('10.incr.aof', '9.incr.aof', '9.base.rdb'), [base(9), incr(9), incr(10)]],
  'one with the history of the last rewrite': [named('1.base.rdb', '1.incr.aof', '2.base.rdb', '2.incr.aof'), [base(2), incr(2)]],
  'a base alone': [named('7.base.rdb'), [base(7)]],
  'a base of commands': [named('1.base.aof', '1.incr.aof'), named('1.base.aof', '1.incr.aof')],
  'a log of Redis 6 that was taken over': [
    [NAME, incr(1)],
    [NAME, incr(1)],
  ],
  'one among other files': [
    [base(1), incr(1), 'temp-rewriteaof-bg-7.aof', `${NAME}.manifest`, 'other.aof.9.base.rdb', `${NAME}.0.base.rdb`],
    [base(1), incr(1)],
  ],
};

const UNCLEAR: Record<string, [names: string[], why: RegExp]> = {
  'there is no base': [named('1.incr.aof'), /none of its files is a base/],
  'there is nothing': [[], /none of its files is a base/],
  'two bases have one number': [named('1.base.rdb', '1.base.aof'), /have the same number/],
  'an increment is missing': [named('1.base.rdb', '1.incr.aof', '3.incr.aof'), /before .*3\.incr\.aof is missing/],
  'an older base is there, and two increments may follow': [
    named('1.base.rdb', '2.base.rdb', '2.incr.aof', '3.incr.aof'),
    /1\.base\.rdb of an earlier log is there too/,
  ],
};

describe('the names in an append-only directory', () => {
  for (const [what, [names, chosen]] of Object.entries(CLEAR))
    it(`tell the log of ${what}`, () => {
      const { files } = chooseAofFiles(names, NAME);
      assert.deepEqual(
        files?.map(({ name }) => name),
        chosen,
      );
    });

  for (const [what, [names, why]] of Object.entries(UNCLEAR))
    it(`do not tell it where ${what}`, () => assert.match(chooseAofFiles(names, NAME).unclear ?? '', why));

  it('tell what Redis itself would have, after any rewrites that ended, failed or run, in any order', () => {
    const rewrites = fc.array(fc.constantFrom('ended', 'failed'), { maxLength: 6 });
    fc.assert(
      fc.property(rewrites, fc.boolean(), fc.nat(), (history, running, seed) => {
        let seq = { base: 1, incr: 1 };
        let incrs = [1];
        for (const end of history) {
          seq = { ...seq, incr: seq.incr + 1 };
          incrs.push(seq.incr);
          if (end === 'ended') {
            seq = { ...seq, base: seq.base + 1 };
            incrs = [seq.incr];
          }
        }
        if (running) incrs.push(seq.incr + 1);
        const whole = [base(seq.base), ...incrs.map(incr)];
        const shuffled = whole.toSorted((one, other) => ((one.length * 31 + seed) % 7) - ((other.length * 17 + seed) % 5));
        const { files } = chooseAofFiles(shuffled, NAME);
        assert.deepEqual(
          files?.map(({ name }) => name),
          whole,
        );
      }),
    );
  });
});

describe('a manifest that is made again', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'redis-backup-manifest-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  const put = (...names: string[]) => {
    for (const name of names) writeFileSync(join(directory, name), '');
  };
  const manifest = (text: string) => writeFileSync(join(directory, `${NAME}.manifest`), text);
  const line = (name: string, seq: number, type: string) => `file ${name} seq ${seq} type ${type}\n`;
  const whole = line(base(5), 5, 'b') + line(incr(5), 5, 'i') + line(incr(6), 6, 'i');

  const PRESENT = { 'an empty one': '', garbage: 'garbage\n', 'one of its own': line(base(1), 1, 'b') + line(incr(1), 1, 'i') };
  for (const [what, present] of Object.entries(PRESENT))
    it(`names the log and not what an empty Redis wrote, with ${what} in its place`, async () => {
      put(base(5), incr(5), incr(6), ...(present.startsWith('file') ? [base(1), incr(1)] : []));
      manifest(present);
      for (let attempt = 1; attempt <= 2; attempt++) await rebuildAofManifest(directory, NAME);
      assert.equal(readFileSync(join(directory, `${NAME}.manifest`), 'utf8'), whole);
    });

  it('is left as it is where the names do not tell the log', async () => {
    put(base(1), base(2), incr(2), incr(3));
    manifest('garbage');
    await assert.rejects(rebuildAofManifest(directory, NAME), { code: 'MANIFEST_INVALID' });
    assert.equal(readFileSync(join(directory, `${NAME}.manifest`), 'utf8'), 'garbage');
  });
});
