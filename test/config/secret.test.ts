import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { parseConfig } from '../../config/load.ts';
import { resolveShard, resolveStore, resolveTemporal } from '../../config/resolve.ts';

const TEXT = `
repository: { url: s3://bucket, accessKeyId: { env: KEY_ID }, secretAccessKey: { env: KEY } }
temporal: { address: "127.0.0.1:7233", apiKey: { env: KEY } }
instances:
  main:
    url: rediss://localhost
    username: backup
    password: { file: password }
    tls: { cert: { file: cert.pem }, key: { file: key.pem }, servername: db1 }
`;
const MAIN = { instance: 'main', shard: '0' };
const ENV = { KEY_ID: 'AKIA', KEY: 'hunter2-key' };

describe('a secret', () => {
  let directory: string;
  const config = () => parseConfig(TEXT, path.join(directory, 'redis-backup.yaml'));
  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'redis-backup-secret-'));
    await writeFile(path.join(directory, 'password'), 'hunter2\n');
    await writeFile(path.join(directory, 'cert.pem'), 'CERT\n');
    await writeFile(path.join(directory, 'key.pem'), 'hunter2-pem\n');
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('is read from a file beside the configuration, without the line end that editors leave', async () => {
    const { connection } = await resolveShard(config(), MAIN, ENV);
    assert.deepEqual(
      { ...connection, tls: { ...connection.tls } },
      {
        host: 'localhost',
        port: 6379,
        username: 'backup',
        password: 'hunter2',
        tls: { ca: undefined, cert: 'CERT', key: 'hunter2-pem', servername: 'db1' },
      },
    );
  });

  it('is read from the environment', async () => {
    const { readCredentials: _, ...store } = await resolveStore(config(), ENV);
    assert.deepEqual(store, {
      url: 's3://bucket',
      credentials: { accessKeyId: 'AKIA', secretAccessKey: 'hunter2-key', sessionToken: undefined },
    });
  });

  it('of the store is read anew where it was refused', async () => {
    const text = TEXT.replaceAll('{ env: KEY }', '{ file: password }');
    const store = await resolveStore(parseConfig(text, path.join(directory, 'redis-backup.yaml')), ENV);
    await writeFile(path.join(directory, 'password'), 'rotated\n');
    assert.equal(store.credentials?.secretAccessKey, 'hunter2');
    assert.equal((await store.readCredentials?.())?.secretAccessKey, 'rotated');
  });

  it('does not show when what holds it is printed or becomes JSON', async () => {
    const holders = [
      await resolveShard(config(), MAIN, ENV),
      await resolveStore(config(), ENV),
      await resolveTemporal(config(), ENV),
    ];
    for (const shown of [JSON.stringify(holders), inspect(holders, { depth: 9 })]) {
      assert.doesNotMatch(shown, /hunter2|AKIA/);
      assert.match(shown, /\[secret\]/);
    }
  });

  it('is asked for by name when the environment does not have it', async () => {
    await assert.rejects(resolveStore(config(), { KEY_ID: 'x', KEY: '' }), {
      code: 'CONFIG_INVALID',
      message: `${path.join(directory, 'redis-backup.yaml')}:2: repository.secretAccessKey refers to the environment variable KEY, which is empty`,
      next: 'Set KEY for this process, refer to a file with {file: /path}, or leave the field out where none is needed.',
    });
  });

  it('is asked for by name when its file is missing or empty', async () => {
    const file = path.join(directory, 'password');
    await writeFile(file, '\n');
    await assert.rejects(resolveShard(config(), MAIN, ENV), {
      code: 'CONFIG_INVALID',
      message: `${path.join(directory, 'redis-backup.yaml')}:8: instances.main.password refers to the file ${file}, which is empty`,
      next: `Put the secret into ${file}.`,
    });
    await rm(file);
    await assert.rejects(resolveShard(config(), MAIN, ENV), {
      code: 'CONFIG_INVALID',
      message: `${path.join(directory, 'redis-backup.yaml')}:8: instances.main.password refers to the file ${file}, which cannot be read: ENOENT: no such file or directory, open '${file}'`,
      next: `Put the secret into ${file}, readable for this user.`,
    });
  });
});
