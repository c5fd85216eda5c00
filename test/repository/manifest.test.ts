import assert from 'node:assert/strict';
import { isValidBackupId, pinKey, snapshotKey } from '../../repository/layout.ts';
import { checkManifest, formatManifest, parseManifest } from '../../repository/manifest.ts';
import { withDigest } from '../../repository/manifest-digest.ts';
import { sampleManifest } from '../fixtures/manifest.ts';
import { refuses } from './bodies.ts';

const manifest = sampleManifest();
const parse = (text: string) => async () => parseManifest(text, manifest, 's3://b/main/0/manifest.json');
/** The sample with one value changed, by its path. */
function changed(path: string, value: unknown): string {
  const json = structuredClone(manifest) as unknown as Record<string, unknown>;
  const parts = path.split('.');
  const last = parts.pop() ?? '';
  const parent = parts.reduce((at, part) => at[part] as Record<string, unknown>, json);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return withDigest(`${JSON.stringify(json, null, 2)}\n`);
}

describe('A manifest', () => {
  it('is read as it was written', async () => {
    assert.deepEqual(await parse(formatManifest(manifest))(), manifest);
    assert.deepEqual(checkManifest(manifest), manifest);
  });

  it('that was changed after it was written is refused, whatever was changed', async () => {
    const text = formatManifest(manifest);
    for (const [was, is] of [
      ['"offset": 14', '"offset": 15'],
      ['"keys": 3', '"keys": 4'],
      ['"reason": "scheduled"', '"reason": "safety"'],
      ['"takenAt": "2026-02-14', '"takenAt": "2026-02-15'],
      ['"expired": 0', '"expired":  0'],
    ] as const) {
      assert.ok(text.includes(was), was);
      await refuses(parse(text.replace(was, is)), 'MANIFEST_INVALID', /has another digest than it says: it was changed after/);
    }
    const without = text.replace(/ {2}"digest": .*\n/, '');
    await refuses(parse(without), 'MANIFEST_INVALID', /manifest.json has no digest on its second line/);
    assert.deepEqual(await parse(withDigest(without))(), manifest);
  });

  it('whose place in the log the RDB contradicts is refused by name, however right its digest is', async () => {
    const { replid, offset } = manifest.replication;
    const rdb = { ...manifest.rdb, replid, replOffset: offset };
    await parse(formatManifest({ ...manifest, rdb }))();
    const moved = formatManifest({ ...manifest, rdb, replication: { replid, offset: offset + 1357 } });
    await refuses(parse(moved), 'MANIFEST_INVALID', /replication.offset is 1371, and the RDB stands at 14/);
    const other = formatManifest({ ...manifest, rdb, replication: { replid: 'f'.repeat(40), offset } });
    await refuses(parse(other), 'MANIFEST_INVALID', /replication.replid is f{40}, and the RDB is of 8371/);
  });

  it('of no bytes, cut short, or not JSON is refused by name', async () => {
    await refuses(parse(''), 'MANIFEST_INVALID', /s3:\/\/b\/main\/0\/manifest.json is empty/);
    await refuses(parse(formatManifest(manifest).slice(0, -20)), 'MANIFEST_INVALID', /is not JSON/);
    await refuses(parse('null'), 'MANIFEST_INVALID');
    await refuses(parse('[]'), 'MANIFEST_INVALID');
  });

  it('of another format version is refused before anything else is looked at', async () => {
    await refuses(parse('{"formatVersion": 2}'), 'MANIFEST_VERSION_UNKNOWN', /has format version 2, this software knows 1/);
    await refuses(parse(changed('formatVersion', 99)), 'MANIFEST_VERSION_UNKNOWN');
    await refuses(parse(changed('formatVersion', '1')), 'MANIFEST_INVALID', /formatVersion/);
    await refuses(parse(changed('formatVersion', undefined)), 'MANIFEST_INVALID', /formatVersion/);
  });

  for (const file of ['../../../etc/passwd', 'a/b', '/etc/passwd', '..', '.', '', '.hidden', 'a\\b', 'manifest.json', 'a\0']) {
    it(`that names the file ${JSON.stringify(file)} is refused`, () =>
      refuses(parse(changed('stored.file', file)), 'MANIFEST_INVALID', /stored.file/));
  }

  for (const [path, value] of [
    ['kind', 'archive'],
    ['stored.sha256', 'A'.repeat(64)],
    ['stored.bytes', 0],
    ['stored.bytes', -1],
    ['stored.bytes', 1.5],
    ['stored.compression', 'gzip'],
    ['rdb.keys', '3'],
    ['rdb.crc64', 'wrong'],
    ['server.policy.save', undefined],
    ['times.takenAt', 'yesterday'],
    ['backupId', '20261301T000000Z'],
    ['unknownField', 1],
    ['rdb.unknownField', 1],
    ['census.classes', [{ name: 'x', keys: 1, persistent: 0, expired: 0, ttl: [1] }]],
  ] as const) {
    it(`with ${path} = ${JSON.stringify(value)} is refused, and the field is named`, () =>
      refuses(parse(changed(path, value)), 'MANIFEST_INVALID', new RegExp(path.split('.').at(-1) ?? '')));
  }

  for (const [part, value] of [
    ['instance', 'other'],
    ['shard', '1'],
    ['backupId', '20260214T070000Z'],
  ] as const) {
    it(`that lies in the folder of another ${part} is refused`, () =>
      refuses(parse(changed(part, value)), 'MANIFEST_INVALID', new RegExp(`${part} is "${value}", but it lies under`)));
  }
});

describe('The layout', () => {
  const ref = { instance: 'main', shard: '0', backupId: '20260214T060000Z' };

  it('is the documented one', () => {
    assert.equal(snapshotKey(ref), 'main/0/snapshots/20260214T060000Z/dump.rdb.zst');
    assert.equal(pinKey(ref, 'a1b2'), 'main/0/pins/20260214T060000Z/a1b2.json');
    assert.match(pinKey(ref, 'restore/main#1'), /^main\/0\/pins\/20260214T060000Z\/[0-9a-f]{32}\.json$/);
  });

  for (const wrong of [
    { instance: '../x' },
    { instance: 'Main' },
    { shard: 'a/b' },
    { backupId: 'latest' },
    { backupId: '../x' },
  ]) {
    it(`refuses ${JSON.stringify(wrong)}`, () => refuses(async () => snapshotKey({ ...ref, ...wrong }), 'INPUT_INVALID'));
  }

  it('refuses a file outside its folder', () => refuses(async () => snapshotKey(ref, '../x'), 'INPUT_INVALID'));

  it('knows backup ids by their time', () => {
    assert.ok(isValidBackupId('20260214T060000Z'));
    for (const wrong of ['20260230T060000Z', '2026-02-14', '', 'lost+found']) assert.ok(!isValidBackupId(wrong), wrong);
  });
});
