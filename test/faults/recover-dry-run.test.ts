import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Action } from '../../model/recovery/actions.ts';
import type { FailureClass } from '../../model/recovery/failure-classes.ts';
import type { RecoveryInput, RecoveryResult } from '../../model/recovery/recovery.ts';
import { KEYS, Troubled } from '../support/troubled.ts';
import { until } from '../support/until.ts';

/** What a report says of each act that was done. */
const DONE: readonly (readonly [RegExp, Action])[] = [
  [/damaged end of the log was cut off|log was cut at the damage/, 'mend-log'],
  [/started empty/, 'start-empty'],
  [/manifest/, 'rebuild-manifest'],
  [/kept/, 'set-aside'],
  [/was restarted/, 'restart'],
];

interface Case {
  what: string;
  config?: Record<string, string>;
  /** What happens to the file of the log, and the base that it begins with. */
  damage: (log: string, base: string, dir: string) => void;
  input?: Partial<RecoveryInput>;
  failure: FailureClass;
  actions: Action[];
  /** Keys that are served. */
  keys: (keys: number) => boolean;
}

const SET = '*3\r\n$3\r\nSET\r\n$4\r\nlast\r\n$1\r\nx\r\n';
const MULTI = '*1\r\n$5\r\nMULTI\r\n';
const all = (keys: number) => keys === KEYS;
const none = (keys: number) => keys === 0;
const some = (keys: number) => keys > 0 && keys < KEYS;
const inTheMiddle = (file: string, bytes = Buffer.from('#'.repeat(40))) => {
  const found = readFileSync(file);
  bytes.copy(found, found.length >> 1);
  writeFileSync(file, found);
};

const CASES: Case[] = [
  { what: 'nothing', damage: () => undefined, failure: 'dead', actions: ['restart'], keys: all },
  {
    what: 'zeros at its end',
    damage: (log) => appendFileSync(log, Buffer.alloc(4096)),
    failure: 'aof-damaged',
    actions: ['mend-log'],
    keys: all,
  },
  {
    what: 'a cut command',
    damage: (log) => appendFileSync(log, SET.slice(0, -4)),
    failure: 'dead',
    actions: ['restart'],
    keys: all,
  },
  {
    what: 'a cut command that Redis may not cut itself',
    config: { 'aof-load-truncated': 'no' },
    damage: (log) => appendFileSync(log, SET.slice(0, -4)),
    failure: 'aof-damaged',
    actions: ['mend-log'],
    keys: all,
  },
  {
    what: 'half a transaction',
    damage: (log) => appendFileSync(log, MULTI + SET),
    failure: 'dead',
    actions: ['restart'],
    keys: all,
  },
  {
    what: 'garbage behind it',
    damage: (log) => appendFileSync(log, 'no command at all\r\n'),
    failure: 'aof-damaged',
    actions: ['mend-log'],
    keys: all,
  },
  {
    what: 'a damage in its middle, where all can be made again',
    damage: (log) => inTheMiddle(log),
    failure: 'aof-damaged',
    actions: ['set-aside', 'start-empty'],
    keys: none,
  },
  {
    what: 'a damage in its middle, where not',
    damage: (log) => inTheMiddle(log),
    input: { onDamage: 'ask' },
    failure: 'aof-damaged',
    actions: ['mend-log'],
    keys: some,
  },
  {
    what: 'a damaged base',
    damage: (_, base) => inTheMiddle(base, Buffer.from([1, 2, 3])),
    failure: 'aof-damaged',
    actions: ['set-aside', 'start-empty'],
    keys: none,
  },
  {
    what: 'a base that is cut short',
    damage: (_, base) => truncateSync(base, statSync(base).size >> 1),
    failure: 'aof-damaged',
    actions: ['set-aside', 'start-empty'],
    keys: none,
  },
  {
    what: 'no manifest',
    damage: (_, __, dir) => rmSync(join(dir, 'appendonlydir/appendonly.aof.manifest')),
    failure: 'aof-manifest-lost',
    actions: ['set-aside', 'rebuild-manifest', 'restart'],
    keys: all,
  },
  {
    what: 'a damaged RDB in its place',
    config: { appendonly: 'no', save: '3600 1' },
    damage: (_, __, dir) => inTheMiddle(join(dir, 'dump.rdb'), Buffer.from([1, 2, 3])),
    failure: 'rdb-damaged',
    actions: ['set-aside', 'start-empty'],
    keys: none,
  },
];

/** A dry run that says something else than what comes then is worse than none. */
describe('A dry run says what the recovery then does of a Redis whose log has', function () {
  this.timeout(240_000);
  let redis: Troubled;
  before(async () => {
    redis = await Troubled.open();
  });
  after(() => redis?.close());

  for (const { what, config = {}, damage, input = {}, failure, actions, keys } of CASES)
    it(what, async () => {
      await redis.stand({ config: { appendonly: 'yes', ...config } });
      const hasLog = config.appendonly !== 'no';
      if (hasLog) await inABase(redis, what.includes('base'));
      else await redis.ask('SAVE');
      await redis.kill();
      const directory = join(redis.dir, 'appendonlydir');
      const named = (end: string) =>
        hasLog ? join(directory, readdirSync(directory).find((name) => name.endsWith(end)) ?? '') : '';
      damage(named('.incr.aof'), named('.base.rdb'), redis.dir);
      const starts = redis.starts();
      const asked = { onDamage: 'serve-empty', restore: 'never', ...input } as const;

      const dry = (await (await redis.start({ ...asked, dryRun: true })).result()) as RecoveryResult;
      assert.equal(dry.outcome, 'planned');
      const said = dry.assessment;
      assert.equal(redis.starts(), starts, 'a dry run starts nothing');
      assert.deepEqual([said.failure, said.actions.map(({ action }) => action)], [failure, actions], said.evidence.join(' '));

      const report = await redis.recover(asked, async () => {
        if (said.actions.some(({ ask }) => ask)) await redis.answer(/./);
      });
      assert.equal(report.outcome, 'serving', report.summary);
      assert.equal(report.failure, said.failure);
      const done = report.actionsDone.map((text) => DONE.find(([pattern]) => pattern.test(text))?.[1]);
      assert.deepEqual(done, actions, report.actionsDone.join('; '));
      assert.equal(redis.starts(), starts + 1, 'it is started once: never with what it refuses');
      assert.ok(keys(report.serving?.keys ?? -1), `${report.serving?.keys} keys`);
    });

  it('nothing, and a redis.conf that Redis refuses', async () => {
    await redis.stand({ config: { appendonly: 'yes' } });
    redis.configure({ appendonly: 'yes', 'no-such-directive': 'yes' });
    await redis.kill();
    const dry = (await (await redis.start({ dryRun: true })).result()) as RecoveryResult;
    assert.equal(dry.outcome, 'planned');
    const { failure, restartHelps, evidence, actions, advice } = dry.assessment;
    assert.deepEqual([failure, restartHelps], ['dead', false]);
    assert.match(evidence[0] ?? '', /^Its own redis.conf, started beside it, is refused by Redis: .*no-such-directive/);
    assert.match(actions[0]?.text ?? '', /all the same/);
    assert.match(advice.join(' '), /Correct what Redis complains of in its configuration/);
    const report = await redis.recover();
    assert.deepEqual([report.outcome, report.failure], ['not-serving', 'bad-configuration']);
    redis.configure({ appendonly: 'yes' });
    assert.equal((await redis.recover()).serving?.keys, KEYS);
  });
});

/** The keys in the base of the log, or in the commands behind it. */
async function inABase(redis: Troubled, wanted: boolean): Promise<void> {
  if (!wanted) return;
  await redis.ask('BGREWRITEAOF');
  const isWritten = async () => {
    const info = String(await redis.ask('INFO', 'persistence'));
    return /aof_rewrite_in_progress:0/.test(info) && /aof_rewrite_scheduled:0/.test(info);
  };
  await until(isWritten, { what: 'the log is rewritten' });
}
