import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRdbStream } from '../../redis/replication/replica.ts';
import { bytesOf } from '../redis/support/bytes-of.ts';
import { Forger } from '../support/forged-backups.ts';
import { House } from '../support/house.ts';
import { Attempts, type Refusal } from '../support/refusals.ts';

const KEYS = 300;

describe('A bad backup is refused, and Redis was never touched:', function () {
  this.timeout(180_000);
  let house: House;
  let attempts: Attempts;
  let forger: Forger;
  let rdb: Buffer;

  before(async () => {
    house = await House.open();
    attempts = new Attempts(house);
    // What no compression hides: a flipped bit in it is seen by a checksum or by nobody.
    const random = 'redis.sha1hex(i)..struct.pack(">dd", math.random(), math.random())';
    await house.ask('EVAL', `for i=1,${KEYS} do redis.call('SET', 'cache:'..i, ${random}) end`, '0');
    await house.backup();
    const [manifest] = await house.repository.snapshots({ instance: 'main', shard: '0' }).list();
    if (!manifest) throw new Error('the backup of the set-up is not there');
    rdb = await bytesOf(await openRdbStream(house.redis.connection));
    forger = new Forger(house.repository, join(house.dir, 'backups'), manifest);
  });
  after(() => house?.close());

  describe('what lies in the repository,', () => {
    const manifests: [string, () => string, Refusal][] = [
      [
        'a manifest that names a file elsewhere',
        () =>
          forger.place({
            'manifest.json': forger.manifest({
              stored: { file: '../../x/dump.rdb.zst', bytes: 9, sha256: 'a'.repeat(64), compression: 'zstd' },
            }),
          }),
        { code: 'MANIFEST_INVALID', says: /stored\.file/ },
      ],
      [
        'a manifest of a later format',
        () => forger.place({ 'manifest.json': forger.manifest({ formatVersion: 7, novelty: true }) }),
        { code: 'MANIFEST_VERSION_UNKNOWN', says: /format version 7, this software knows 1/ },
      ],
      [
        'an empty manifest',
        () => forger.place({ 'manifest.json': '' }),
        { code: 'MANIFEST_INVALID', says: /manifest\.json is empty/ },
      ],
      [
        'half a manifest',
        () => forger.place({ 'manifest.json': '{"formatVersion":1,' }),
        { code: 'MANIFEST_INVALID', says: /not JSON/ },
      ],
      [
        'a manifest of another instance',
        () => forger.place({ 'manifest.json': forger.manifest({ instance: 'orders' }) }),
        { code: 'MANIFEST_INVALID', says: /instance is "orders", but it lies under "main"/ },
      ],
    ];
    for (const [what, forge, refusal] of manifests)
      it(what, async () => {
        const id = forge();
        await attempts.refused(() => attempts.restore(id), refusal);
      });

    /** Publishes a right one and then damages its object, behind the back of the manifest. */
    const damaged = async (damage: (path: string, bytes: Buffer) => void): Promise<string> => {
      const id = await forger.publish(rdb);
      const path = join(house.dir, 'backups/main/0/snapshots', id, 'dump.rdb.zst');
      damage(path, readFileSync(path));
      return id;
    };
    const flip = (at: number) => (path: string, bytes: Buffer) => {
      const where = Math.floor(bytes.length * at);
      bytes[where] = (bytes[where] ?? 0) ^ 4;
      writeFileSync(path, bytes);
    };
    const damages: [string, (path: string, bytes: Buffer) => void][] = [
      ['no byte', (path) => truncateSync(path, 0)],
      ['half of its bytes', (path, { length }) => truncateSync(path, length >> 1)],
      ['all but the last byte', (path, { length }) => truncateSync(path, length - 1)],
      ['a byte too many', (path, bytes) => writeFileSync(path, Buffer.concat([bytes, Buffer.from([0])]))],
      ['a bit flipped near its begin', flip(0.1)],
      ['a bit flipped in its middle', flip(0.5)],
      ['a bit flipped near its end', flip(0.9)],
    ];
    for (const [what, damage] of damages)
      it(`a backup with ${what}`, async () => {
        const id = await damaged(damage);
        await attempts.refused(() => attempts.restore(id), { code: 'BACKUP_CORRUPT', says: new RegExp(id) });
      });

    it('a backup whose object is gone', async () => {
      const id = await forger.publish(rdb);
      await house.repository.store.delete(`main/0/snapshots/${id}/dump.rdb.zst`);
      await attempts.refused(() => attempts.restore(id), {
        code: 'BACKUP_CORRUPT',
        says: new RegExp(`${id}.* is not in the store`),
      });
    });

    it('a well-kept file that is no RDB', async () => {
      const id = await forger.publish(Buffer.from("PK\x03\x04 this is somebody's holiday pictures"));
      await attempts.refused(() => attempts.restore(id), { code: 'RDB_FOREIGN', says: /not an RDB/i });
    });

    it('a well-kept RDB that was cut short before it came here', async () => {
      const id = await forger.publish(rdb.subarray(0, rdb.length / 2));
      await attempts.refused(() => attempts.restore(id), { code: 'BACKUP_CORRUPT', says: new RegExp(id) });
    });

    it('a well-kept RDB with other keys than its manifest says', async () => {
      const id = await forger.publish(rdb, { rdb: { keys: KEYS + 1 } });
      await attempts.refused(() => attempts.restore(id), { code: 'BACKUP_CORRUPT', says: /300 keys, its manifest says 301/ });
    });
  });

  describe('what does not fit this Redis,', () => {
    it('an RDB that is newer than the server', async () => {
      const id = await forger.publish(newer(rdb), { rdb: { version: 99 }, server: { version: '99.0.0' } });
      await attempts.refused(() => attempts.restore(id), { code: 'RESTORE_REFUSED', says: /cannot load backup .*99/ });
    });

    it('an RDB that is newer than its manifest says', async () => {
      const id = await forger.publish(newer(rdb));
      await attempts.refused(() => attempts.restore(id), { code: 'BACKUP_CORRUPT', says: /version 99/ });
    });

    it('data of a module that it does not have', async () => {
      const id = await forger.publish(rdb, { rdb: { moduleTypes: ['ReJSON-RL'] } });
      await attempts.refused(() => attempts.restore(id), { code: 'RESTORE_REFUSED', says: /ReJSON-RL/ });
    });

    it('keys in a database that it does not have', async () => {
      const id = await forger.publish(rdb, { rdb: { databases: [{ db: 16, keys: KEYS, expires: 0 }] } });
      await attempts.refused(() => attempts.restore(id), { code: 'RESTORE_REFUSED', says: /database 16/ });
    });

    it('more than its disk holds', async () => {
      const id = await forger.publish(rdb, { rdb: { bytes: 2 ** 52 } }).catch(String);
      await attempts.refused(() => attempts.restore(id), { code: 'TARGET_DISK_FULL', says: /has .* free and needs/ });
    });

    it('more than its host has memory for', async () => {
      const id = await forger.publish(rdb, { rdb: { usedMemoryBytes: 2 ** 50 }, server: { usedMemoryBytes: 2 ** 50 } });
      await attempts.refused(() => attempts.restore(id), { code: 'RESTORE_REFUSED', says: /1 PiB|1,024 TiB|memory/ });
    });

    it('more than maxmemory lets it keep', async () => {
      await house.ask('CONFIG', 'SET', 'maxmemory', '500000');
      await house.ask('CONFIG', 'REWRITE'); // what the next start reads decides
      try {
        await attempts.refused(() => attempts.restore('latest'), {
          code: 'RESTORE_REFUSED',
          says: /maxmemory .* refuse every write/,
        });
      } finally {
        await house.ask('CONFIG', 'SET', 'maxmemory', '0');
        await house.ask('CONFIG', 'REWRITE');
      }
    });

    it('a backup of nothing', async () => {
      const id = await forger.publish(rdb, { rdb: { keys: 0 }, census: { keys: 0, classes: [] } });
      await attempts.refused(() => attempts.restore(id), {
        code: 'RESTORE_LOSS',
        says: /main, which holds 300 keys now would end empty: backup \S+ holds no keys/,
      });
    });
  });
});

/** The same RDB with another version in its header and no checksum. */
function newer(rdb: Buffer): Buffer {
  const bytes = Buffer.from(rdb);
  bytes.write('0099', 5);
  bytes.fill(0, bytes.length - 8);
  return bytes;
}
