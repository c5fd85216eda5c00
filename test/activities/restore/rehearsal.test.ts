import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Rehearsal, RehearsedMoment } from '../../../model/restore/rehearsal.ts';
import { cwdOf, readProcesses } from '../../../platforms/host/process-table.ts';
import { type RedisBinary, redisBinaries } from '../../support/redis-binaries.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { Rehearsing } from '../support/rehearsing.ts';

const SESSIONS = "for i=1,200 do redis.call('SET', 'session:'..i, 'token'..i) end";
const each = (command: (name: string) => string[]) => async (source: RedisServer) => {
  for (let i = 1; i <= 200; i++) await source.command(...command(`session:${i}`));
};
const script = (text: string) => (source: RedisServer) => source.command('EVAL', text, '0');

/** What takes 200 sessions, in the words of whoever did it: what the log has, and what it is called. */
const DISASTERS: {
  title: string;
  command: string;
  prepare?(source: RedisServer): Promise<unknown>;
  run(source: RedisServer): Promise<unknown>;
  keysAfter?: number;
  wrote?: number;
}[] = [
  { title: 'FLUSHALL', command: 'FLUSHALL', run: (source) => source.command('FLUSHALL') },
  { title: 'a mass DEL', command: 'mass delete', run: each((name) => ['DEL', name]), keysAfter: 5 },
  {
    title: 'MULTI FLUSHDB',
    command: 'FLUSHDB',
    run: async (source) => {
      using client = await source.client();
      await client.command('MULTI');
      await client.command('FLUSHDB');
      await client.command('EXEC');
    },
  },
  {
    title: 'a script that UNLINKs all',
    command: 'mass delete',
    run: script("for i=1,200 do redis.call('UNLINK', 'session:'..i) end"),
    keysAfter: 5,
  },
  { title: 'SWAPDB', command: 'SWAPDB', run: (source) => source.command('SWAPDB', '0', '7') },
  {
    title: 'RENAME of all',
    command: 'mass rename',
    run: each((name) => ['RENAME', name, `trash:${name}`]),
    keysAfter: 5,
    wrote: 200,
  },
  {
    title: 'SREM of the last element of all',
    command: 'mass emptying',
    prepare: script("for i=1,200 do redis.call('DEL', 'session:'..i); redis.call('SADD', 'session:'..i, 'a') end"),
    run: each((name) => ['SREM', name, 'a']),
    keysAfter: 5,
  },
  { title: 'PEXPIRE of all', command: 'mass expire', run: each((name) => ['PEXPIRE', name, '1500']), keysAfter: 5 },
  {
    title: 'SET of all with a short expiry',
    command: 'mass write with a short expiry',
    run: each((name) => ['SET', name, '', 'PX', '1500']),
    keysAfter: 5,
  },
  {
    title: 'SORT of nothing STOREd over all',
    command: 'mass emptying',
    run: each((name) => ['SORT', 'nothing', 'STORE', name]),
    keysAfter: 5,
  },
];

describe('A rehearsal', function () {
  this.timeout(60_000);
  let source: RedisServer;
  let rehearsing: Rehearsing;
  let base = '';
  before(async () => {
    source = await startRedis();
    await fill(source);
    for (let i = 1; i <= 200; i++) await source.command('SET', `short:${i}`, '1', 'PX', '4000');
    rehearsing = await Rehearsing.of(source);
    base = await rehearsing.stored();
  });
  after(async () => {
    await rehearsing?.[Symbol.asyncDispose]();
    await source?.[Symbol.asyncDispose]();
  });

  it('calls it no loss when keys have expired: nothing would bring them back', async () => {
    await until(async () => Number(await source.command('DBSIZE')) === 205, { what: 'all of a class has expired' });
    const { keys, moments, moreMoments } = await rehearsing.rehearsed(await rehearsing.stored());
    assert.deepEqual([keys, moments, moreMoments], [205, [], 0]);
    const before = await rehearsing.rehearsed(base);
    assert.deepEqual([before.keys, before.result?.rdb.keys], [205, 405]);
  });

  it('counts what the log has added', async () => {
    await source.command('EVAL', "for i=201,1200 do redis.call('SET', 'session:'..i, 'token'..i, 'EX', 3600) end", '0');
    const { keys, classes, moments } = await rehearsing.rehearsed(await rehearsing.stored());
    assert.deepEqual([keys, classes[0], moments], [1205, { name: 'sessions', keys: 1200 }, []]);
  });

  it('keeps what came out for the restore of the same operation, until that is over', async () => {
    const operationId = 'the-restore';
    const outcome = await rehearsing.rehearse(base, { keep: true, operationId });
    const home = join(rehearsing.spool, 'redis-backup-rehearsal-the-restore');
    const kept = await readFile(join(home, 'result.rdb'));
    assert.deepEqual((await readdir(home)).sort(), ['owner.json', 'result.rdb']);
    assert.equal((await stat(join(home, 'result.rdb'))).mode & 0o077, 0);
    assert.equal(outcome.done && outcome.result?.sha256, createHash('sha256').update(kept).digest('hex'));
    await rehearsing.during((actions) => actions.discardRehearsal({ instance: 'main' }), { operationId });
    assert.deepEqual(rehearsing.left(), []);
  });

  it('sweeps what operations have left that were ended for good', async () => {
    const left = join(rehearsing.spool, 'redis-backup-rehearsal-long-ago');
    await mkdir(left);
    const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
    await utimes(left, twoDaysAgo, twoDaysAgo);
    const killed = join(rehearsing.spool, 'redis-backup-rehearsal-killed');
    await mkdir(killed);
    await writeFile(join(killed, 'owner.json'), JSON.stringify({ pid: process.pid, started: 'before this one' }));
    await rehearsing.rehearsed(base);
    assert.deepEqual(rehearsing.left(), []);
  });

  it('makes the directory that it works in', async () => {
    await rm(rehearsing.spool, { recursive: true });
    await rehearsing.rehearsed(base);
    assert.deepEqual(rehearsing.left(), []);
  });

  it('says why it could not be done, where that does not lie in the backup', async () => {
    rehearsing.directives = [['loadmodule', '/nowhere/module.so']];
    const outcome = await rehearsing.rehearse(base);
    rehearsing.directives = [];
    assert.match(outcome.done ? 'done' : outcome.why, /the throw-away Redis did not start: .*module/);
    assert.deepEqual(rehearsing.left(), []);
  });

  it('ends before a log that grows the data takes the memory of the machine', async () => {
    const gib = 2 ** 30;
    const free = [gib, gib / 20]; // as it is at the beginning, and then
    rehearsing.memory = async () => ({ availableBytes: (free.length > 1 ? free.shift() : free[0]) ?? 0, totalBytes: 2 * gib });
    const outcome = await rehearsing.rehearse(base);
    rehearsing.memory = undefined;
    assert.match(outcome.done ? 'done' : outcome.why, /^the log makes so much of its base that only \S+ \S+ of memory are left/);
    assert.deepEqual(rehearsing.left(), []);
  });

  it('says so when the throw-away Redis is killed in the middle of it', async () => {
    rehearsing.memory = async () => {
      for (const { pid } of await readProcesses())
        if ((await cwdOf(pid))?.startsWith(rehearsing.spool)) process.kill(pid, 'SIGKILL'); // as the kernel does
      return { availableBytes: 2 ** 30, totalBytes: 2 ** 31 };
    };
    const outcome = await rehearsing.rehearse(base);
    rehearsing.memory = undefined;
    assert.match(outcome.done ? 'done' : outcome.why, /^the throw-away Redis ended while it loaded base and log/);
    assert.deepEqual(rehearsing.left(), []);
  });

  it('ends at once when it is cancelled, and leaves nothing', async () => {
    const cancel = new AbortController();
    const outcome = rehearsing.rehearse(base, { signal: cancel.signal });
    await until(() => rehearsing.left().length > 0, { what: 'it has begun' });
    cancel.abort(new Error('cancelled'));
    await assert.rejects(outcome, /cancelled/);
    assert.deepEqual(rehearsing.left(), []);
  });
});

for (const binary of redisBinaries()) describe(`A rehearsal under ${binary.label}`, () => itRehearses(binary));

function itRehearses(binary: RedisBinary): void {
  let source: RedisServer;
  let rehearsing: Rehearsing;
  /** Where the source was before each disaster. */
  const undo: string[] = [];
  let end: Rehearsal;
  before(async function () {
    this.timeout(120_000);
    source = await startRedis({ binary: binary.path, config: { databases: '32' } });
    await fill(source);
    rehearsing = await Rehearsing.of(source);
    for (const { prepare, run } of DISASTERS) {
      await prepare?.(source);
      undo.push(await rehearsing.stored());
      await run(source);
      await until(async () => (await alive(source)) === 0, { what: 'the sessions are gone' });
      await source.command('FLUSHALL');
      await rehearsing.stored();
      await fill(source);
    }
    end = await rehearsing.rehearsed(await rehearsing.stored());
  });
  after(async () => {
    await rehearsing?.[Symbol.asyncDispose]();
    await source?.[Symbol.asyncDispose]();
  });

  it('counts exactly what comes out, by database and class', () => {
    const { keys, classes, databases, functions, server, result } = end;
    const counted = [
      { name: 'sessions', keys: 200 },
      { name: 'featureFlags', keys: 5 },
      { name: 'other', keys: 0 },
    ];
    assert.deepEqual([keys, classes, databases, functions], [205, counted, [{ db: 0, keys: 205, classes: counted }], 0]);
    assert.deepEqual(server, { product: binary.product, version: binary.version, sameAsTarget: true });
    assert.equal(result?.rdb.keys, 205);
  });

  it('names each disaster, what it took, and the --until before it', () => {
    const { moments, moreMoments } = end;
    const found = undo.map((moment) => moments.find((one) => offsetOf(one.until ?? '') >= offsetOf(moment)));
    assert.deepEqual(
      found.map((moment) => seen(moment)),
      DISASTERS.map(({ command, keysAfter = 0, wrote }) => ({
        command,
        db: 0,
        keysBefore: 205,
        keysAfter,
        wrote,
        sessions: 200,
      })),
    );
    assert.equal(moreMoments, 0);
  });

  for (const [index, { title }] of DISASTERS.entries()) {
    it(`undoes ${title} by the moment that it names`, async () => {
      const moment = end.moments.find((one) => offsetOf(one.until ?? '') >= offsetOf(undo[index] ?? ''));
      const before = await rehearsing.rehearsed(moment?.until ?? '');
      assert.deepEqual([before.keys, before.classes[0]?.keys], [205, 200]);
    }).timeout(60_000);
  }

  it('refuses what the target would refuse: a database that it lacks, a command that it has disabled', async () => {
    await source.command('SELECT', '20');
    await source.command('SET', 'session:elsewhere', '1');
    await source.command('SELECT', '0');
    const moment = await rehearsing.stored();
    const refused = { code: 'LOG_REFUSED', message: /SELECT \(DB index is out of range\)/ };
    await assert.rejects(rehearsing.rehearse(moment), refused);
    rehearsing.databases = 32;
    assert.equal((await rehearsing.rehearsed(moment)).databases[1]?.db, 20);
    rehearsing.directives = [['rename-command', 'FLUSHALL', '']];
    await assert.rejects(rehearsing.rehearse(moment), { code: 'LOG_REFUSED', message: /unknown command .FLUSHALL/ });
    assert.deepEqual(rehearsing.left(), []);
  }).timeout(60_000);

  it('leaves nothing on the machine', () => {
    assert.deepEqual(rehearsing.left(), []);
  });
}

const fill = async (source: RedisServer): Promise<void> => {
  await source.command('EVAL', SESSIONS, '0');
  for (let i = 1; i <= 5; i++) await source.command('SET', `flag:${i}`, 'on');
};

const alive = async (source: RedisServer): Promise<number> =>
  Number(await source.command('EVAL', "return #redis.call('KEYS', 'session:*')", '0'));

const offsetOf = (moment: string): number => Number(moment.split('@')[1]);

const seen = (moment: RehearsedMoment | undefined) =>
  moment && {
    command: moment.command,
    db: moment.db,
    keysBefore: moment.keysBefore,
    keysAfter: moment.keysAfter,
    wrote: moment.wrote,
    sessions: moment.took.find(({ name }) => name === 'sessions')?.keys,
  };
