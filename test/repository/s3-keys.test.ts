import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Store } from '../../repository/stores/s3.ts';
import type { S3Tuning } from '../../repository/stores/s3-calls.ts';
import { type S3Server, startS3 } from '../support/s3-server.ts';
import { bytes, collect, keysOf, refuses, text } from './bodies.ts';

const MiB = 1024 * 1024;
const TUNING: Partial<S3Tuning> = { partBytes: 5 * MiB, connectMs: 500, retryForMs: 100 };
const OLD = { accessKeyId: 'old-key', secretAccessKey: 'old-secret' };

describe('Keys of the store that are rotated', () => {
  let s3: S3Server;
  before(async () => {
    s3 = await startS3();
  });
  after(() => s3.stop());

  it('are read anew when they are refused, whatever is asked, and only then', async () => {
    let reads = 0;
    let current = OLD;
    const readCredentials = async () => {
      reads++;
      return current;
    };
    const store = new S3Store({ ...s3.location('rotated'), credentials: OLD, readCredentials }, TUNING);
    const asked = [
      () => store.probe(),
      () => store.put('a', bytes('x')),
      () => store.get('a'),
      () => store.head('a'),
      () => store.delete('a'),
      () => store.listNames(''),
      () => store.sweepUnfinished('', 0),
    ];
    for (const ask of asked) await refuses(ask, 'STORE_DENIED', /403/);
    assert.ok(reads > 0);
    current = s3.credentials;
    const large = randomBytes(22 * MiB);
    reads = 0;
    await store.put('large', bytes(large.subarray(0, 7 * MiB), large.subarray(7 * MiB)), { ifAbsent: true });
    assert.equal(reads, 1);
    assert.ok(large.equals(await collect(await store.get('large'))));
    assert.deepEqual(await keysOf(store, ''), ['large']);
    assert.equal(reads, 1);
    store.close();
  });

  it('are read anew in the middle of an upload', async () => {
    const rotated = Promise.withResolvers<void>(); // a part under way may be refused before the new keys are known
    const readCredentials = () => rotated.promise.then(() => s3.credentials);
    const store = new S3Store(
      { ...s3.location('middle'), credentials: s3.credentials, readCredentials },
      { ...TUNING, retryForMs: 20_000 },
    );
    const large = randomBytes(12 * MiB);
    const body = (async function* () {
      yield large.subarray(0, 6 * MiB);
      await s3.rotate({ accessKeyId: 'new-key', secretAccessKey: 'new-secret' });
      rotated.resolve();
      yield large.subarray(6 * MiB);
    })();
    await store.put('large', body, { ifAbsent: true });
    assert.ok(large.equals(await collect(await store.get('large'))));
    store.close();
  });

  it('may be half written for a moment: the denial is what is said', async () => {
    const readCredentials = async () => {
      throw new Error('the file is empty');
    };
    const store = new S3Store({ ...s3.location('half'), credentials: OLD, readCredentials }, TUNING);
    const error = await refuses(store.probe(), 'STORE_DENIED', /403/);
    assert.doesNotMatch(error.message, /old-secret/);
    store.close();
  });

  describe('of the SDK', () => {
    const NAMES = ['AWS_SHARED_CREDENTIALS_FILE', 'AWS_PROFILE', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_CONFIG_FILE'];
    const before = NAMES.map((name) => [name, process.env[name]] as const);
    let directory: string;
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'redis-backup-keys-'));
      for (const name of NAMES) delete process.env[name];
    });
    afterEach(async () => {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      await rm(directory, { recursive: true, force: true });
    });

    it('are read anew from its profile file, too', async () => {
      const file = join(directory, 'credentials');
      const write = ({ accessKeyId, secretAccessKey }: typeof OLD) =>
        writeFile(file, `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`);
      await write(OLD);
      process.env.AWS_SHARED_CREDENTIALS_FILE = file;
      process.env.AWS_CONFIG_FILE = join(directory, 'config');
      const { credentials: _, ...place } = s3.location('profile');
      const store = new S3Store(place, TUNING);
      await refuses(store.probe(), 'STORE_DENIED', /403/);
      await write(s3.credentials);
      await store.put('a', bytes('x'), { ifAbsent: true });
      assert.equal(await text(await store.get('a')), 'x');
      store.close();
    });
  });
});
