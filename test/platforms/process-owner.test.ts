import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { asDirectOwner } from '../../platforms/data-directory/direct-lock.ts';
import { writeLogLook } from '../../platforms/data-directory/log-look.ts';
import { moveAside, stageRdb, writeRestart } from '../../platforms/data-directory.ts';
import { openProcessPlatform } from '../../platforms/process/process-platform.ts';
import { killAtTheEnd, pidOf } from '../support/processes.ts';
import { redisBinaries } from '../support/redis-binaries.ts';
import { freePort } from '../support/redis-server.ts';
import { skipWithout } from '../support/skip-without.ts';
import { until } from '../support/until.ts';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
const TABLE = fileURLToPath(new URL('../../platforms/host/process-table.ts', import.meta.url));

const LOG = { appenddirname: 'appendonlydir', appendfilename: 'appendonly.aof' };

/** Some user of this machine that is in more than one group. */
function memberOfGroups() {
  const byName = new Map<string, number[]>();
  for (const line of readFileSync('/etc/group', 'utf8').split('\n')) {
    const [, , gid, members = ''] = line.split(':');
    for (const name of members.split(',').filter(Boolean)) byName.set(name, [...(byName.get(name) ?? []), Number(gid)]);
  }
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name = '', , uid, gid] = line.split(':');
    const groups = (byName.get(name) ?? []).filter((group) => group !== Number(gid)).sort((one, other) => one - other);
    if (groups.length > 0 && uid !== '0') return { name, uid: Number(uid), gid: Number(gid), groups };
  }
  return undefined;
}

/** Needs root: only root can be another user. */
describe('A Redis of another user', function () {
  this.timeout(30_000);
  let home: string;
  before(function () {
    if (!isRoot) skipWithout('root', this);
  });
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'owner-'));
    chmodSync(home, 0o755);
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it('is started by root as the user that its data belongs to, and its files stay those of that user', async () => {
    const [binary] = redisBinaries();
    const data = join(home, 'data');
    mkdirSync(data);
    chownSync(data, NOBODY, NOBODY);
    const port = await freePort();
    const conf = join(home, 'redis.conf');
    writeFileSync(conf, `port ${port}\ndir ${data}\nsave ""\nappendonly yes\n`);
    const platform = openProcessPlatform({ start: { command: [binary?.path ?? '', conf] }, port });
    const pid = pidOf(await platform.start());
    try {
      assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), new RegExp(`^Uid:\\s+${NOBODY}\\s+${NOBODY}`, 'm'));
      const log = join(data, binary?.path.includes('6.2') ? 'appendonly.aof' : 'appendonlydir');
      await until(() => statSync(log, { throwIfNoEntry: false })?.uid === NOBODY, { what: "its log is that user's" });
    } finally {
      await platform.stop();
    }
  });

  it('keeps the groups of its user, which a key file may be readable by', async function () {
    const member = memberOfGroups();
    if (!member) skipWithout('user-with-groups', this);
    const [binary] = redisBinaries();
    const data = join(home, 'data');
    mkdirSync(data);
    chownSync(data, member.uid, member.gid);
    const port = await freePort();
    const conf = join(home, 'redis.conf');
    writeFileSync(conf, `port ${port}\ndir ${data}\nsave ""\n`);
    const platform = openProcessPlatform({ start: { command: ['nice', binary?.path ?? '', conf] }, port });
    assert.deepEqual(await platform.startUser(), { user: member.name, from: 'data' });
    const pid = pidOf(await platform.start());
    try {
      const groups = /^Groups:\s*(.*)$/m
        .exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
        ?.trim()
        .split(/\s+/)
        .map(Number);
      assert.deepEqual(groups, member.groups);
      assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), new RegExp(`^Gid:\\s+${member.gid}\\s`, 'm'));
    } finally {
      await platform.stop();
    }
  });

  it('is not started without a word where a script decides as whom it runs: that is called unknown', async () => {
    const conf = join(home, 'redis.conf');
    writeFileSync(conf, `port ${await freePort()}\ndir ${home}\n`);
    const platform = openProcessPlatform({ start: { command: ['/opt/start-redis'] }, configFile: conf });
    assert.deepEqual(await platform.startUser(), { from: 'command' });
  });

  it('gets at all that root has kept beside its data', async () => {
    chownSync(home, NOBODY, NOBODY);
    const layout = { dir: home, appendonly: true, dbfilename: 'dump.rdb', ...LOG };
    await stageRdb(layout, 'one', Readable.from([Buffer.from('REDIS')]));
    await moveAside(layout, 'one');
    await writeRestart(layout, { operationId: 'one', instance: 'main', shard: '0', atMs: 1, assessedAt: '' });
    await writeLogLook(layout, undefined);
    await asDirectOwner(layout, 'one', async () => {});
    const root = join(home, '.redis-backup');
    const names = readdirSync(root, { recursive: true, encoding: 'utf8' });
    for (const name of ['direct.lock', 'lock', 'log-look.json', 'last-restart.json', 'one/operation.json', 'one/staged'])
      assert.ok(names.includes(name), `${name} among ${names}`);
    for (const name of names.filter((name) => !name.endsWith('dump.rdb')))
      assert.equal(statSync(join(root, name)).uid, NOBODY, name);
  });

  it('is not taken for ours when it is in another network, though we may not look into it', async () => {
    const shares = (pid: number) =>
      execFileSync(
        'setpriv',
        ['--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups', process.execPath].concat([
          ...['--input-type=module', '-e'],
          `const { sharesOurNetwork } = await import(${JSON.stringify(TABLE)}); console.log(await sharesOurNetwork(${pid}))`,
        ]),
        { encoding: 'utf8', cwd: '/' },
      ).trim();
    const script = "require('net').createServer().listen(0, () => console.log('there'))";
    const listen = async (...wrapped: string[]) => {
      const [program = '', ...args] = [...wrapped, process.execPath, '-e', script];
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      killAtTheEnd(child);
      await new Promise((resolve) => child.stdout.once('data', resolve));
      return child;
    };
    const [ours, theirs] = await Promise.all([listen(), listen('unshare', '--net')]);
    try {
      assert.equal(shares(ours.pid ?? 0), 'true');
      assert.equal(shares(theirs.pid ?? 0), 'false');
    } finally {
      for (const child of [ours, theirs]) child.kill('SIGKILL');
    }
  });
});
