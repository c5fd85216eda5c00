import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeLogLook } from '../../../platforms/data-directory.ts';
import { findDamage } from '../../../redis/aof/damage.ts';
import { MAIN } from '../../fixtures/shard.ts';
import { isAtLeast, redisBinaries } from '../../support/redis-binaries.ts';
import { actsOf, assess, is } from '../support/assessed.ts';
import { found, type RecoverySite, recoverySite } from '../support/recovery-site.ts';

const AOF = { appendonly: 'yes', appendfsync: 'always' };
const LOG = { appenddirname: 'appendonlydir', appendfilename: 'appendonly.aof' };
const ZEROS = Buffer.alloc(4096);
const MULTI = '*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1\r\ny\r\n';
const CUT = '*3\r\n$3\r\nSET\r\n$1\r\nx';

const logOf = ({ redis: { dir, binary } }: RecoverySite): string => {
  if (!isAtLeast(binary, 7)) return join(dir, 'appendonly.aof');
  const directory = join(dir, 'appendonlydir');
  return join(directory, readdirSync(directory).find((name) => name.endsWith('.incr.aof')) ?? '');
};

/** A Redis that was killed, with its log as it lies there. */
async function killed(binary: string | undefined, end: string | Buffer, config: Record<string, string> = {}) {
  const site = await recoverySite({ ...(binary === undefined ? {} : { binary }), config: { ...AOF, ...config } });
  for (let n = 0; n < 100; n++) await site.ask('SET', `session:${n}`, 'x'.repeat(50));
  await site.redis.kill('SIGKILL');
  const whole = statSync(logOf(site)).size;
  appendFileSync(logOf(site), end);
  return { site, whole };
}

const ENDS: [what: string, end: string | Buffer, config?: Record<string, string>][] = [
  ['zeros', ZEROS],
  ['garbage', 'no command at all\r\n'],
  ['a cut command that Redis may not cut itself', CUT, { 'aof-load-truncated': 'no' }],
  ['half a transaction and zeros', Buffer.concat([Buffer.from(MULTI), ZEROS])],
];

describe('Mending a log', function () {
  this.timeout(60_000);

  for (const { path: binary, label } of redisBinaries())
    for (const [what, end, config] of ENDS)
      it(`lets ${label} serve all that stands before ${what}, says how much is cut, and keeps the original`, async () => {
        const { site, whole } = await killed(binary, end, config);
        await using _ = site;
        const damaged = readFileSync(logOf(site));
        const mended = await site.during((actions) => actions.mendLog(found('aof-damaged')));
        assert.equal(statSync(logOf(site)).size, whole);
        assert.match(
          mended.cut,
          new RegExp(`${end.length.toLocaleString('en')} bytes are cut off its end; how many seconds .* cannot be told`),
        );
        const inside = isAtLeast(site.redis.binary, 7) ? join(mended.kept.directory, 'appendonlydir') : mended.kept.directory;
        assert.deepEqual(readFileSync(join(inside, logOf(site).split('/').at(-1) ?? '')), damaged);
        await site.during((actions) => actions.restartServer(found('aof-damaged')));
        const serves = await site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: 0 }));
        assert.equal(serves.keys, 100);
        assert.equal(await site.ask('SET', 'written', '1'), 'OK');
      });

  it('is planned before Redis is started, by whoever looks, and names what is there', async () => {
    const { site } = await killed(undefined, ZEROS);
    await using _ = site;
    const looked = await assess(site.redis);
    is(looked, 'aof-damaged', /is whole up to byte [\d,]+; behind that stand zeros, as a power failure leaves them: 4,096 bytes/);
    assert.deepEqual(actsOf(looked), ['mend-log']);
    assert.match(looked.assessment.worstLoss, /4,096 bytes are cut/);
  });

  it('is left to Redis where that cuts by itself, and said', async () => {
    const { site } = await killed(undefined, CUT);
    await using _ = site;
    const looked = await assess(site.redis);
    is(looked, 'dead', /a command that is cut short: \d+ bytes, the end of the log\. Redis cuts that off as it starts/);
    assert.deepEqual(actsOf(looked), ['restart']);
  });

  it('does the same again when its answer is lost', async () => {
    const { site, whole } = await killed(undefined, ZEROS);
    await using _ = site;
    const first = await site.during((actions) => actions.mendLog(found('aof-damaged')));
    assert.deepEqual(await site.during((actions) => actions.mendLog(found('aof-damaged'))), first);
    assert.equal(statSync(logOf(site)).size, whole);
  });

  it('refuses to take whole commands away unless that is allowed, and then serves what stands before them', async () => {
    const { site, whole } = await killed(undefined, Buffer.concat([ZEROS, Buffer.from(`${CUT}\r\n$1\r\ny\r\n`)]));
    await using _ = site;
    const mend = (mayLoseCommands: boolean) =>
      site.during((actions) => actions.mendLog({ ...found('aof-damaged'), mayLoseCommands }));
    await assert.rejects(mend(false), { code: 'LOG_MALFORMED', message: /from byte \d\S+ on more commands/ });
    const asked = await assess(site.redis, { settings: { onDamage: 'ask' } });
    assert.deepEqual(actsOf(asked), ['mend-log?']);
    assert.match(asked.assessment.actions[0]?.ask?.question ?? '', /Serve the .* in front of the damage/);
    const empty = await assess(site.redis, { overrides: { onDamage: 'serve-empty' } });
    assert.deepEqual(actsOf(empty), ['set-aside', 'start-empty']);
    assert.match(empty.assessment.advice.join(), /redis-backup import PATH --up-to-damage/);
    await mend(true);
    assert.equal(statSync(logOf(site)).size, whole);
  });

  it('is asked about before Redis is started empty for want of room, also where all can be made again, until there is room', async () => {
    const { site } = await killed(undefined, ZEROS);
    await using _ = site;
    const { dir } = site.redis;
    const layout = { ...{ dir, appendonly: true, dbfilename: 'dump.rdb' }, ...LOG };
    const damage = await findDamage(layout);
    assert.ok(damage);
    await writeLogLook(layout, { ...damage, unmendable: 'no space left', needsBytes: Number.MAX_SAFE_INTEGER });
    const looked = await assess(site.redis, { overrides: { onDamage: 'serve-empty' } });
    assert.deepEqual(actsOf(looked), ['set-aside', 'start-empty?']);
    assert.match(looked.assessment.actions[0]?.text ?? '', /Cutting the log was no way \(no space left\)/);
    assert.match(
      looked.assessment.actions[1]?.ask?.question ?? '',
      /stand before its damage.* free .* on its disk, and start the recovery again/,
    );
    await writeLogLook(layout, { ...damage, unmendable: 'no space left', needsBytes: 1 });
    assert.deepEqual(actsOf(await assess(site.redis)), ['mend-log']);
  });

  it('leaves the log as it is when a Redis cannot load what is left, and the next look plans another way', async () => {
    const { site } = await killed(undefined, Buffer.concat([Buffer.from('*1\r\n$3\r\nSAT\r\n'), ZEROS]));
    await using _ = site;
    const damaged = readFileSync(logOf(site));
    await assert.rejects(
      site.during((actions) => actions.mendLog(found('aof-damaged'))),
      { code: 'LOG_MALFORMED', message: /a throw-away Redis cannot load what stands before the damage: .*Unknown command/s },
    );
    assert.deepEqual(readFileSync(logOf(site)), damaged);
    const looked = await assess(site.redis);
    is(looked, 'aof-damaged', /It cannot be cut off: a throw-away Redis/);
    assert.deepEqual(actsOf(looked), ['set-aside', 'start-empty']);
  });
});
