import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { quoteArg, splitArgs } from '../../model/split-args.ts';
import { settingsOf } from '../../platforms/conf-settings.ts';
import { readRedisConf, splitCommand } from '../../platforms/redis-conf.ts';

describe('redis.conf', () => {
  let root: string;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'redis-conf-'));
  });
  after(() => rm(root, { recursive: true, force: true }));

  const conf = async (text: string, overrides: string[] = []) => {
    await writeFile(join(root, 'redis.conf'), text);
    return readRedisConf('redis.conf', { cwd: root, overrides });
  };

  it('has the defaults of Redis when it says nothing', async () => {
    assert.deepEqual(await conf('# only a comment\n\n'), {
      dir: root,
      dbfilename: 'dump.rdb',
      appendonly: false,
      appenddirname: 'appendonlydir',
      appendfilename: 'appendonly.aof',
      port: 6379,
      tlsPort: 0,
      unixsocket: undefined,
      daemonize: false,
      logfile: undefined,
      pidfile: undefined,
      databases: 16,
      renamed: {},
      directives: new Map(),
      usersIn: new Set(),
      modulePaths: [],
      loadDirectives: [],
    });
  });

  it('says which commands are disabled or renamed, by which line, across includes and one after the other', async () => {
    await writeFile(join(root, 'hidden.conf'), '\nrename-command flushall ""\nRename-Command CONFIG first\n');
    const { renamed } = await conf('include hidden.conf\nrename-command first "second"\n', ['--rename-command', 'KEYS', '']);
    assert.deepEqual(renamed, {
      FLUSHALL: { name: '', by: `line 2 of ${join(root, 'hidden.conf')}` },
      CONFIG: { name: 'second', by: `line 2 of ${join(root, 'redis.conf')}` },
      KEYS: { name: '', by: 'the command line' },
    });
  });

  it('answers for a server that cannot be asked, as CONFIG GET would right after a start', async () => {
    const byDefault = settingsOf(await conf(''));
    assert.deepEqual([byDefault.save, byDefault.appendonly, byDefault.maxmemory], ['3600 1 300 100 60 10000', 'no', '0']);
    const said = settingsOf(await conf('save 900 1\nsave 60 5\nmaxmemory 2gb\nappendonly YES\nrepl-ping-slave-period 3\n'));
    assert.deepEqual(
      [said.save, said.maxmemory, said.appendonly, said['repl-ping-replica-period'], said.dir],
      ['900 1 60 5', '2147483648', 'yes', '3', root],
    );
    assert.equal(settingsOf(await conf('save 900 1\nsave ""\n')).save, '');
    assert.equal(settingsOf(await conf('requirepass x\nmasterauth y\n')).masterauth, undefined, 'no secret');
  });

  it('reads quotes, escapes, upper case and what CONFIG REWRITE makes of umlauts', async () => {
    const read = await conf(`DIR "/d\\x61ta/m\\xc3\\xbcll"\nDbFilename 'it\\'s.rdb'\nappendonly YES\r\nappenddirname "a\\"b"\n`);
    assert.equal(read.dir, '/data/müll');
    assert.equal(read.dbfilename, "it's.rdb");
    assert.equal(read.appendonly, true);
    assert.equal(read.appenddirname, 'a"b');
  });

  it('lets the last one win: file, include at its place, then the command line', async () => {
    await writeFile(join(root, 'more.conf'), 'dbfilename from-include.rdb\nappendfilename inc.aof\n');
    const text = 'dbfilename first.rdb\ninclude more.conf\nappendfilename last.aof\n';
    assert.equal((await conf(text)).dbfilename, 'from-include.rdb');
    assert.equal((await conf(text)).appendfilename, 'last.aof');
    const over = await conf(text, ['--dbfilename', 'cli.rdb', '--appendonly', 'yes', '--save', '', '--port', '7001']);
    assert.deepEqual([over.dbfilename, over.appendonly, over.port], ['cli.rdb', true, 7001]);
  });

  it('reads includes with wildcards in order and a pattern that matches nothing as nothing', async () => {
    await mkdir(join(root, 'conf.d'), { recursive: true });
    await writeFile(join(root, 'conf.d', '20.conf'), 'dbfilename twenty.rdb\n');
    await writeFile(join(root, 'conf.d', '10.conf'), 'dbfilename ten.rdb\n');
    assert.equal((await conf('include conf.d/*.conf\ninclude none.d/*.conf\n')).dbfilename, 'twenty.rdb');
  });

  it('resolves dir and log against the directory that Redis is started in', async () => {
    const read = await conf('dir data\nlogfile redis.log\npidfile ""\n');
    assert.equal(read.dir, join(root, 'data'));
    assert.equal(read.logfile, join(root, 'data', 'redis.log'));
    assert.equal(read.pidfile, undefined);
  });

  it('names file and line of what it cannot read, and never the text, which may be a password', async () => {
    await assert.rejects(conf('port 1\nrequirepass "hunter2\n'), (error: Error) => {
      assert.match(error.message, /^line 2 of .*redis\.conf has unbalanced quotes$/);
      return true;
    });
    await assert.rejects(conf('include absent.conf\n'), /cannot read the configuration of Redis, .*absent\.conf: ENOENT/);
    await assert.rejects(conf('include redis.conf\n'), /includes too deeply, or includes itself/);
  });

  it('refuses file names that lead out of the directory', async () => {
    await assert.rejects(
      conf('dbfilename ../evil.rdb\n'),
      /dbfilename of Redis is "\.\.\/evil\.rdb"; it must be a plain file name/,
    );
    await assert.rejects(conf('appenddirname .redis-backup\n'), /redis-backup uses \.redis-backup itself/);
    await assert.rejects(conf('appendfilename dump.rdb\n'), /a name that neither dbfilename nor appenddirname has/);
  });

  it('finds the configuration file in a wrapped command', () => {
    assert.deepEqual(splitCommand(['sudo', '-u', 'redis', '/usr/bin/redis-server', '/etc/r.conf', '--port', '1']), {
      configFile: '/etc/r.conf',
      overrides: ['--port', '1'],
    });
    assert.deepEqual(splitCommand(['valkey-server', '--port', '1']), { overrides: ['--port', '1'] });
  });

  it('gives any words back that were quoted for it', () => {
    const word = fc.string({ unit: 'binary' }).map((text) => Buffer.from(text, 'utf8').toString('latin1'));
    fc.assert(
      fc.property(fc.array(word), (words) => {
        assert.deepEqual(splitArgs(words.map(quoteArg).join(' ')), words);
      }),
    );
  });

  it('refuses unbalanced or glued quotes as Redis does', () => {
    for (const line of ['"foo', "'foo", '"foo"bar', "'foo'bar", '"a\\"']) assert.equal(splitArgs(line), undefined, line);
  });
});
