import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { instanceNames, instanceOf, loadConfig, parseConfig } from '../../config/load.ts';
import { DEFAULT_DATA_CLASSES } from '../../model/data-class.ts';
import { RecoveryError } from '../../model/errors.ts';
import { SENT_COMMANDS } from '../../model/sent-commands.ts';

const HEAD = 'repository: { url: file:///backups }\n';
const one = (fields: string) => `${HEAD}instances:\n  main:\n    url: redis://127.0.0.1\n    ${fields}\n`;

function refusal(text: string): RecoveryError {
  try {
    parseConfig(text, 'redis-backup.yaml');
  } catch (error) {
    assert.ok(error instanceof RecoveryError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'the configuration was taken' });
}

describe('redis-backup.yaml', () => {
  it('needs nothing but a repository and the address of a Redis', () => {
    const config = parseConfig(one(''), 'redis-backup.yaml');
    const main = instanceOf(config, 'main');
    assert.deepEqual(config.repository, { url: 'file:///backups' });
    const [shard, ...more] = main.shards;
    assert.equal(`${shard?.redis.host}:${shard?.redis.port}`, '127.0.0.1:6379');
    assert.deepEqual([shard?.platform, more], [{ type: 'external' }, []]);
    assert.deepEqual(main.backup, {
      everyMs: 6 * 3_600_000,
      method: 'replication',
      compressionLevel: 1,
      uncompressedFork: false,
      maxAgeMs: 7 * 3_600_000,
    });
    assert.deepEqual(main.retention, { keepLast: 28, keepWithinMs: 7 * 24 * 3_600_000 });
    assert.deepEqual(main.policy, { save: '3600 1 300 100 60 10000', appendonly: 'yes', appendfsync: 'everysec' });
    assert.deepEqual(main.dataClasses, DEFAULT_DATA_CLASSES);
    assert.match(config.worker.host, /^[a-z0-9-]+$/);
  });

  it('takes its complete example', async () => {
    const config = await loadConfig(path.join(import.meta.dirname, '../../examples/redis-backup.yaml'));
    const main = instanceOf(config, 'main');
    assert.deepEqual(instanceNames(config), ['main', 'cache-eu']);
    assert.deepEqual(main.dataClasses, DEFAULT_DATA_CLASSES, 'the example says that its classes are the default');
    assert.deepEqual(
      main.applications.map(({ name, kind, required }) => [name, kind, required]),
      [
        ['api', 'http', true],
        ['workers', 'clients', true],
        ['login', 'command', false],
      ],
    );
  });

  it('reads the names of commands in the log, too, and what the log is told goes before', () => {
    const archiveOf = (fields: string) => instanceOf(parseConfig(one(fields), 'c.yaml'), 'main').archive;
    const commands = 'commands: { set: Put-9f, DEL: gone-9f }';
    assert.deepEqual(archiveOf(`${commands}\n    archive: {}`)?.renamedCommands, { 'PUT-9F': 'SET', 'GONE-9F': 'DEL' });
    assert.deepEqual(
      archiveOf(`${commands}\n    archive: { renamedCommands: { gone-9f: UNLINK, hidden: FLUSHALL } }`)?.renamedCommands,
      { 'PUT-9F': 'SET', 'GONE-9F': 'UNLINK', HIDDEN: 'FLUSHALL' },
    );
    assert.deepEqual(archiveOf('archive: {}')?.renamedCommands, {});
  });

  it('takes an S3 server by its endpoint', () => {
    const text = one('').replace('file:///backups }', 's3://bucket/a/b/, endpoint: "http://127.0.0.1:7070" }');
    assert.deepEqual(parseConfig(text, 'c.yaml').repository, {
      url: 's3://bucket/a/b/',
      endpoint: 'http://127.0.0.1:7070',
    });
  });

  it('takes an empty save as none and an IPv6 address without its brackets', () => {
    const main = instanceOf(parseConfig(one(`policy: { save: '""' }`).replace('127.0.0.1', '[::1]:7000'), 'c.yaml'), 'main');
    assert.equal(main.policy.save, '');
    assert.deepEqual([main.shards[0]?.redis.host, main.shards[0]?.redis.port], ['::1', 7000]);
  });

  const REFUSED: [title: string, text: string, message: string][] = [];
  const refuse = (title: string, text: string, message: string) => REFUSED.push([title, text, message]);
  const DURATION = 'a whole number and s, m, h or d, such as 90s, 6h or 7d, from 1m to 7d';
  const SECRET = '{env: NAME} or {file: /path}; the secret itself never stands in the configuration';
  refuse(
    'another name for a command that is never sent',
    one('commands: { GETSET: x }'),
    `:5: instances.main.commands.GETSET is no command that is sent to a Redis; these are: ${SENT_COMMANDS.join(', ')}`,
  );
  refuse(
    'another name for PSYNC',
    one('commands: { psync: x }'),
    ':5: instances.main.commands.psync works under its own name only: Redis takes a renamed one for SYNC; remove its rename-command line',
  );
  refuse(
    'a duration without its unit',
    one('backup: { every: 6 }'),
    `:5: instances.main.backup.every is 6; allowed: ${DURATION}`,
  );
  refuse(
    'a duration that is too short',
    one('backup: { every: 30s }'),
    `:5: instances.main.backup.every is "30s"; allowed: ${DURATION}`,
  );
  refuse(
    'an unknown field, with the one that was meant',
    one('backup: { evry: 6h }'),
    ':5: instances.main.backup.evry is not a field; did you mean "every"?',
  );
  refuse(
    'an unknown field that is like no other, with those there are',
    one('retention: { gfs: 3 }'),
    ':5: instances.main.retention.gfs is not a field; known: keepLast, keepWithin, keepDaily, keepWeekly, keepMonthly',
  );
  refuse(
    'a password where its reference belongs, without showing it',
    one('password: hunter2'),
    `:5: instances.main.password is not a reference to a secret; allowed: ${SECRET}`,
  );
  refuse(
    'a password inside the URL, without showing it',
    one('').replace('redis://', 'redis://bob:hun%2Fter2@'),
    ':4: instances.main.url is "redis://…@127.0.0.1": it has a password in it; write `password: {env: NAME}` or `password: {file: /path}` instead; allowed: redis://host:port, rediss://host:port or unix:///run/redis/redis.sock',
  );
  refuse(
    'a URL that cannot be read, without showing what may be a password',
    one('').replace('redis://', 'redis://bob:hun/ter2@'),
    ':4: instances.main.url is "redis://…@127.0.0.1"; allowed: redis://host:port, rediss://host:port or unix:///run/redis/redis.sock',
  );
  refuse(
    'a database number',
    one('').replace('127.0.0.1', '127.0.0.1/3'),
    ':4: instances.main.url is "redis://127.0.0.1/3": it has a database number; a backup holds all databases, so leave it out; allowed: redis://host:port, rediss://host:port or unix:///run/redis/redis.sock',
  );
  refuse(
    'a platform that is not supported yet',
    one('platform: { type: docker }'),
    ':5: instances.main.platform.type is "docker": docker is not supported in this version; allowed: process or kubernetes or external',
  );
  refuse(
    'a platform without its configuration file',
    one('platform: { type: process, start: { systemd: a.service } }'),
    ':5: instances.main.platform.configFile is missing; allowed: an absolute path, such as /etc/redis/redis.conf',
  );
  refuse(
    'two ways to start',
    one('platform: { type: process, configFile: /c, start: { systemd: a.service, command: [a] } }'),
    ':5: instances.main.platform.start needs exactly one of command and systemd',
  );
  refuse(
    'BGSAVE where the worker cannot see the file',
    one('backup: { method: bgsave }'),
    ':5: instances.main.backup.method is bgsave, which needs platform.type process: the worker must see the data directory',
  );
  refuse(
    'TLS settings without TLS',
    one('tls: { servername: a }'),
    ':5: instances.main.tls needs a url that begins with rediss://',
  );
  refuse(
    'a client certificate without its key',
    one('tls: { cert: { file: a } }').replace('redis:', 'rediss:'),
    ':5: instances.main.tls.cert needs key beside it',
  );
  refuse(
    'half of the credentials',
    one('').replace('file:///backups', 's3://bucket, accessKeyId: { env: A }'),
    ':1: repository.accessKeyId needs secretAccessKey beside it',
  );
  refuse(
    'S3 settings for a directory',
    one('').replace('backups }', 'backups, region: eu }'),
    ':1: repository.region is only for a repository on s3://',
  );
  refuse(
    'a checksum for a directory',
    one('').replace('backups }', 'backups, checksum: md5 }'),
    ':1: repository.checksum is only for a repository on s3://',
  );
  refuse(
    'a continuous log in a store that cannot keep two writers apart',
    one('archive: {}').replace('backups }', 'backups, conditionalPut: none }'),
    ':5: instances.main.archive needs a store with conditional writes, and repository.conditionalPut is none',
  );
  refuse(
    'the same class twice',
    `${one('')}dataClasses:\n  - &a { name: a, pattern: "*", whenLost: x }\n  - *a\n`,
    ':8: dataClasses[1].name is "a" for the second time',
  );
  refuse(
    'a class that is called other',
    `${one('')}dataClasses: [{ name: other, pattern: a, whenLost: x }]\n`,
    ':6: dataClasses[0].name is "other", the class of what no pattern matches; give it another name',
  );
  refuse(
    'clients that nothing tells apart',
    one('applications: [{ name: a, kind: clients }]'),
    ':5: instances.main.applications[0] needs addresses or names: which clients are its own?',
  );
  refuse(
    'a network that is none',
    one('applications: [{ name: a, kind: clients, addresses: [10.0.0.0/33] }]'),
    ':5: instances.main.applications[0].addresses has "10.0.0.0/33" in it; allowed: an IP address or network, such as 10.0.0.0/24',
  );
  refuse(
    'an instance name that cannot stand in a path',
    one('').replace('main:', '../etc:'),
    ':3: instances.../etc is not a name; allowed: small letters, digits and hyphens, up to 63, such as orders-eu',
  );
  refuse('a configuration without any Redis', `${HEAD}instances: {}\n`, ':2: instances has no entry; name at least one Redis');
  refuse(
    'a section with nothing in it',
    one('backup:'),
    ':5: instances.main.backup is empty; allowed: a section with fields of its own',
  );
  refuse('an empty file', '# nothing\n', ' is empty');
  refuse('a key that stands twice', `${one('')}${HEAD}`, ':6: Map keys must be unique');
  refuse('what is no YAML', 'a: [1\n', ':2: Flow sequence in block collection must be sufficiently indented and end with a ]');

  for (const [title, text, message] of REFUSED) {
    it(`refuses ${title}`, () => {
      const error = refusal(text);
      assert.equal(error.message, `redis-backup.yaml${message}`);
      assert.equal(error.code, 'CONFIG_INVALID');
      assert.equal(error.next, 'Correct redis-backup.yaml; docs/configuration.md names every field.');
    });
  }

  it('is named by its whole path: there may be several of that name', async () => {
    const file = '/etc/redis-backup/redis-backup.yaml';
    for (const text of ['', 'a: [', one('backup: { every: 6 }')])
      assert.throws(
        () => parseConfig(text, file),
        ({ message }: Error) => message.startsWith(`${file}`),
      );
  });

  it('tells all problems at once, in the order of the file', () => {
    const { message } = refusal(one('backup: { every: 6 }').replace('file:///backups', 'ftp://backups'));
    assert.equal(
      message,
      [
        '2 problems in redis-backup.yaml:',
        '  redis-backup.yaml:1: repository.url is "ftp://backups"; allowed: s3://bucket/prefix or file:///directory',
        `  redis-backup.yaml:5: instances.main.backup.every is 6; allowed: ${DURATION}`,
      ].join('\n'),
    );
  });

  it('names the instances that there are when one is unknown', () => {
    const config = parseConfig(one(''), 'redis-backup.yaml');
    for (const [name, next] of [
      ['mian', 'Did you mean "main"? The instances are: main.'],
      ['constructor', 'Use one of the instances: main.'],
    ] as const) {
      assert.throws(() => instanceOf(config, name), {
        code: 'INSTANCE_UNKNOWN',
        message: `there is no instance "${name}" in redis-backup.yaml`,
        next,
      });
    }
  });
});

describe('the configuration file', () => {
  let directory: string;
  const back = process.cwd();
  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'redis-backup-config-'));
    process.chdir(directory);
  });
  afterEach(async () => {
    process.chdir(back);
    await rm(directory, { recursive: true });
  });

  it('is the named one, else the one of the environment, else the one in this directory', async () => {
    const files = { named: 'named.yaml', environment: 'environment.yaml', here: 'redis-backup.yaml' };
    for (const [name, file] of Object.entries(files)) await writeFile(file, one('').replace('main', name));
    const env = { REDIS_BACKUP_CONFIG: files.environment };
    assert.deepEqual(instanceNames(await loadConfig(files.named, env)), ['named']);
    assert.deepEqual(instanceNames(await loadConfig(undefined, env)), ['environment']);
    assert.deepEqual(instanceNames(await loadConfig(undefined, {})), ['here']);
  });

  it('is said to be missing, with how it was named', async () => {
    await assert.rejects(loadConfig(undefined, { REDIS_BACKUP_CONFIG: 'gone.yaml' }), {
      code: 'CONFIG_INVALID',
      message: "gone.yaml (from REDIS_BACKUP_CONFIG) cannot be read: ENOENT: no such file or directory, open 'gone.yaml'",
    });
    await mkdir('redis-backup.yaml');
    await assert.rejects(loadConfig(undefined, {}), {
      code: 'CONFIG_INVALID',
      message: /^redis-backup.yaml cannot be read: EISDIR/,
    });
  });
});
