import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openRepository } from '../../repository/repository.ts';
import { FileStore } from '../../repository/stores/file.ts';
import { STORE_SCHEMES, schemesWith, storeKindOf } from '../../repository/stores/registry.ts';
import { S3Store } from '../../repository/stores/s3.ts';
import { locationOf } from '../../repository/stores/s3-kind.ts';
import { refuses } from './bodies.ts';

describe('The stores', () => {
  it('are opened by the scheme of their URL', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'redis backup %20-'));
    await using _ = { [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
    const inDirectory = await openRepository({ url: `${pathToFileURL(directory)}/` });
    assert.ok(inDirectory.store instanceof FileStore);
    assert.equal(inDirectory.url, `file://${directory}`);
    await inDirectory.probeWritable();
    const inBucket = await openRepository({ url: 's3://bucket/some/where/', region: 'eu-central-1' });
    assert.ok(inBucket.store instanceof S3Store);
    inBucket.close();
  });

  it('of which none has a scheme are named where it is asked for', async () => {
    for (const url of ['gs://bucket', 'https://s3.example/bucket', 'constructor:x', 'bucket'])
      assert.match(
        (await refuses(openRepository({ url }), 'CONFIG_INVALID', /no store of this version has URLs that begin with/)).next,
        /s3:\/\/bucket\/prefix or file:\/\/\/directory/,
      );
  });

  it('say which URLs are theirs, and which settings', () => {
    for (const scheme of STORE_SCHEMES) {
      const kind = storeKindOf(`${scheme}://x`);
      assert.equal(kind?.form.split(':')[0], scheme);
      assert.equal(kind?.refuse(new URL(kind.form)), undefined);
    }
    assert.deepEqual([schemesWith('conditionalPut'), schemesWith('endpoint')], [['s3', 'file'], ['s3']]);
  });

  it('in S3 have their prefix without the slashes around it', () => {
    const { bucket, prefix, endpoint } = locationOf({ url: 's3://bucket//a/b/', endpoint: 'https://minio.example' });
    assert.deepEqual([bucket, prefix, endpoint], ['bucket', 'a/b', 'https://minio.example']);
    assert.equal(locationOf({ url: 's3://bucket' }).prefix, '');
  });
});
