import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Repository } from '../../repository/repository.ts';
import { FileStore } from '../../repository/stores/file.ts';
import { openStore } from '../support/open-store.ts';
import { skipWithout } from '../support/skip-without.ts';
import { bytes, refuses, text } from './bodies.ts';

const NOBODY = 65534;

describe('FileStore on a directory that is not as it should be', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'redis-backup-file-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('never makes its directory, so that a disk which is not mounted is noticed', async () => {
    const store = openStore({ kind: 'file', directory: join(directory, 'not-there') });
    const tries = [() => store.probe(), () => store.put('a', bytes('x')), () => store.get('a'), () => store.head('a')];
    for (const attempt of [...tries, () => store.listNames(''), () => store.delete('a')]) {
      const error = await refuses(attempt, 'STORE_MISSING', /not-there does not exist/);
      assert.match(error.next, /mkdir -p .*not-there/);
    }
    assert.deepEqual(await readdir(directory), []);
  });

  it('says so when its directory is a file', async () => {
    await writeFile(join(directory, 'file'), 'x');
    await refuses(new FileStore(join(directory, 'file')).probe(), 'STORE_MISSING');
  });

  it('says STORE_DENIED when the directory may not be written', async () => {
    await chown(directory, process.getuid?.() === 0 ? NOBODY : (process.getuid?.() ?? 0), -1);
    await chmod(directory, 0o500);
    await asNobody(async () => {
      const error = await refuses(new FileStore(directory).put('a', bytes('x')), 'STORE_DENIED', /EACCES/);
      assert.match(error.next, /permission/);
    });
  });

  it('gives what root makes in it to its owner, whose worker goes on with it', async function () {
    if (process.getuid?.() !== 0) skipWithout('root', this);
    await chown(directory, NOBODY, NOBODY);
    const store = new FileStore(directory);
    await store.put('main/0/of-root.json', bytes('of root'), { ifAbsent: true });
    await asNobody(async () => {
      assert.equal(await text(await store.get('main/0/of-root.json')), 'of root');
      await store.put('main/0/of-nobody.json', bytes('of nobody'));
      await store.delete('main/0/of-root.json');
      await new Repository(store).probeWritable();
    });
    for (const path of ['.unfinished', 'main', 'main/0', 'main/0/of-nobody.json'])
      assert.deepEqual([path, (await stat(join(directory, path))).uid], [path, NOBODY]);
  });

  it('is no place for backups where something in it belongs to another user, and that is named', async function () {
    if (process.getuid?.() !== 0) skipWithout('root', this);
    await chown(directory, NOBODY, NOBODY);
    const store = new FileStore(directory);
    await store.put('main/0/manifest.json', bytes('{}'));
    await chown(join(directory, 'main/0/manifest.json'), 0, 0);
    await chmod(join(directory, 'main/0/manifest.json'), 0o600);
    await asNobody(async () => {
      const error = await refuses(new Repository(store).probeWritable(), 'STORE_DENIED', /manifest\.json/);
      assert.match(error.next, /chown -R USER \S+/);
    });
  });

  it('says STORE_FULL when the disk is full, and keeps what was there; a spool on it makes Redis wait', async function () {
    const script = join(import.meta.dirname, 'fill-disk.ts');
    // A file system of 2 MiB in a namespace of its own.
    const inside = `mount -t tmpfs -o size=2m none "${directory}" && exec "${process.execPath}" "${script}" "${directory}"`;
    const may = await promisify(execFile)('unshare', ['-mr', 'mount', '-t', 'tmpfs', 'none', directory]).then(
      () => true,
      () => false,
    );
    if (!may) skipWithout('mount', this); // this kernel lets nobody mount anything
    const { stdout } = await promisify(execFile)('unshare', ['-mr', 'sh', '-c', inside]);
    assert.deepEqual(JSON.parse(stdout), {
      code: 'STORE_FULL',
      old: 'old',
      unfinished: [],
      keys: ['a'],
      spooled: 8 * 1024 * 1024,
    });
  });

  it('does not follow a manifest out of its directory', async () => {
    const store = new FileStore(join(directory, 'repository'));
    await mkdir(join(directory, 'repository'));
    await writeFile(join(directory, 'secret'), 'secret');
    await refuses(store.get('../secret'), 'INPUT_INVALID');
    await refuses(store.put('a/../../secret', bytes('x')), 'INPUT_INVALID');
    await refuses(async () => {
      for await (const _ of store.list('../')) assert.fail('listed');
    }, 'INPUT_INVALID');
  });

  it('lists files only, whatever else lies there', async () => {
    const store = new FileStore(directory);
    await store.put('a/b', bytes('x'));
    await mkdir(join(directory, 'a', 'empty'));
    await writeFile(join(directory, 'a', '.hidden'), 'x');
    await symlink('/nowhere', join(directory, 'a', 'dangling'));
    const keys: string[] = [];
    for await (const { key } of store.list('')) keys.push(key);
    assert.deepEqual(keys, ['a/b']);
  });

  it('sweeps what a killed writer left, and nothing that is young or another prefix', async () => {
    const store = new FileStore(directory);
    await store.put('main/a', bytes('x'));
    const old = new Date(Date.now() - 48 * 3600_000);
    for (const [name, time] of [
      ['main%2Fold', old],
      ['other%2Fold', old],
      ['main%2Fyoung', new Date()],
    ] as const) {
      const path = join(directory, '.unfinished', `00000000-0000-4000-8000-000000000000-${name}`);
      await writeFile(path, 'half');
      await utimes(path, time, time);
    }
    const before = Date.now() - 24 * 3600_000;
    const named = await store.sweepUnfinished('main/', before, { dryRun: true });
    assert.deepEqual(
      named.map(({ key }) => key),
      ['main/old'],
    );
    assert.deepEqual(await store.sweepUnfinished('main/', before), named);
    assert.equal((await readdir(join(directory, '.unfinished'))).length, 2);
    assert.equal(await text(await store.get('main/a')), 'x');
  });

  describe('on a file system without hard links', () => {
    const link = async () => {
      throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM', syscall: 'link' });
    };

    it('says so, and which setting helps', async () => {
      const repository = new Repository(new FileStore(directory, { link }));
      const error = await refuses(repository.requireFence(0), 'STORE_UNFIT', /without hard links/);
      assert.match(error.next, /Set repository\.conditionalPut: none: for snapshots only/);
    });

    it('takes snapshots with that setting, and refuses a key that is taken', async () => {
      const store = new FileStore(directory, { link, conditionalPut: 'none' });
      await new Repository(store).probeWritable();
      await store.put('without-links', bytes('first'), { ifAbsent: true });
      await refuses(store.put('without-links', bytes('second'), { ifAbsent: true }), 'OBJECT_EXISTS');
    });
  });
});

/** Root may write everywhere: as root, runs the body as a user who may not. */
async function asNobody(body: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return body();
  process.seteuid?.(NOBODY);
  try {
    await body();
  } finally {
    process.seteuid?.(0);
  }
}
