import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogDamage } from '../../model/recovery/log-damage.ts';
import { type FileSystem, realFileSystem } from '../../platforms/data-directory/files.ts';
import { cutBefore, cutLog } from '../../platforms/data-directory.ts';

const WHOLE = '*1\r\n$4\r\nPING\r\n';
const BAD = '\0'.repeat(4096);
const NAME = 'appendonly.aof.1.incr.aof';
const MANIFEST = `file ${NAME} seq 1 type i\n`;

/** A disk that has room for what is cut off, and not for a copy of the log. */
const noRoomForACopy: FileSystem = {
  ...realFileSystem,
  open: async (path, flags, mode) => {
    if (flags === 'wx') throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    return realFileSystem.open(path, flags, mode);
  },
};

describe('Cutting a log that there is no room to copy', () => {
  let dir: string;
  let log: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cut-log-'));
    mkdirSync(join(dir, 'appendonlydir'));
    log = join(dir, 'appendonlydir', NAME);
    writeFileSync(log, WHOLE + BAD);
    writeFileSync(join(dir, 'appendonlydir', 'appendonly.aof.manifest'), MANIFEST);
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const damage = (more: Partial<LogDamage> = {}): LogDamage => ({
    ...{ name: NAME, kind: 'zeros', wholeBytes: WHOLE.length, badBytes: BAD.length, where: 'end' },
    ...{ usableBytes: WHOLE.length, changedAt: '2026-08-01T10:00:00Z' },
    ...more,
  });
  const layout = () => ({
    ...{ dir, appendonly: true, dbfilename: 'dump.rdb' },
    ...{ appenddirname: 'appendonlydir', appendfilename: 'appendonly.aof' },
  });
  const cut = (prove: () => Promise<void>, more?: Partial<LogDamage>) =>
    cutLog(layout(), 'one', { damage: damage(more), manifest: MANIFEST, followers: [] }, { files: noRoomForACopy, prove });

  it('cuts its end off where it lies, and keeps that end, so that it can be had back byte for byte', async () => {
    const proven: string[] = [];
    const { tail = '' } = await cut(async () => void proven.push(readFileSync(log, 'utf8')));
    assert.deepEqual(proven, [WHOLE]);
    assert.equal(readFileSync(log, 'utf8') + readFileSync(tail, 'utf8'), WHOLE + BAD);
    assert.equal((await cutBefore(layout(), 'one'))?.tail, tail);
  });

  it('puts the end back when no Redis can load what is left', async () => {
    await assert.rejects(
      cut(async () => {
        throw new Error('not loadable');
      }),
      /not loadable/,
    );
    assert.equal(readFileSync(log, 'utf8'), WHOLE + BAD);
  });

  it('changes nothing where the damage is in the middle: commands behind it would be gone', async () => {
    await assert.rejects(
      cut(async () => {}, { where: 'middle' }),
      { code: 'TARGET_DISK_FULL' },
    );
    assert.equal(readFileSync(log, 'utf8'), WHOLE + BAD);
  });
});
