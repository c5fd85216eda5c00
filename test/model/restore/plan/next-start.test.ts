import assert from 'node:assert/strict';
import type { NextStart, NextStarted, StartDifference } from '../../../../model/restore/next-start.ts';
import type { StartUser } from '../../../../model/restore/start-user.ts';
import { planOf, server, target } from '../../../fixtures/plan.ts';

const starts = (overrides: Partial<NextStarted> = {}): NextStart => ({
  outcome: 'starts',
  differences: [],
  uncompared: [],
  ...overrides,
});
const user = (name: string, what: string, lockedOut = false): StartDifference => ({
  kind: 'user',
  name,
  what,
  ...(lockedOut ? { lockedOut: true as const } : {}),
  cure: '`ACL SAVE`',
});

describe('A plan and the next start of Redis', () => {
  const planned = (nextStart: NextStart) => planOf({ target: target({ nextStart }) });

  it('is refused when Redis would not start with its own redis.conf, in the words of Redis', () => {
    const [refusal] = planned({ outcome: 'fails', lastLines: "'maxmemory-polcy …' | Bad directive" }).refusals;
    assert.deepEqual(refusal, {
      code: 'CONFIG_UNSTARTABLE',
      message:
        "main would not start again: its own redis.conf, started beside it, was refused by Redis: 'maxmemory-polcy …' | Bad directive",
      next: 'Correct what Redis complains of, and leave the one that serves alone until `redis-backup check` says that it starts.',
    });
  });

  it('is refused when the program that would be started is older, and could not read what is put back', () => {
    const refused = (running: string, next: string) =>
      planOf({
        target: target({
          nextStart: starts({ server: { product: 'redis', version: next } }),
          server: { ...server(), version: running },
        }),
      }).refusals.find(({ code }) => code === 'CONFIG_UNSTARTABLE');
    assert.match(
      refused('8.2.3', '7.0.15')?.message ?? '',
      /^main runs as redis 8\.2\.3 and would start as redis 7\.0\.15, which does not read what it has now \(RDB version 12\)/,
    );
    assert.ok(refused('7.0.15', '6.2.14'));
    assert.equal(refused('7.0.15', '8.2.3'), undefined);
    assert.equal(refused('7.0.15', '7.0.5'), undefined);
  });

  it('is refused when another Redis would be started, and that is all that is said of the start', () => {
    const nextStart: NextStart = { outcome: 'another', why: 'what starts it reads no redis.conf', next: 'Name it.' };
    const ofNoFile = target({ nextStart, layout: { ...target().layout, appendonly: true }, server: server() });
    assert.deepEqual(planOf({ target: ofNoFile }).refusals, [
      {
        code: 'RESTORE_REFUSED',
        message: 'the next start of main would not be of the Redis that it is: what starts it reads no redis.conf',
        next: 'Name it.',
      },
    ]);
  });

  it('says as whom Redis is started, and is refused where the worker cannot start it as that', () => {
    const startTitle = (startUser: StartUser) =>
      planOf({ target: target({ startUser }) }).steps.find(({ name }) => name === 'startServer')?.title ?? '';
    assert.match(startTitle({ user: 'redis', from: 'data' }), /^start Redis as user redis, to whom the data belongs, and load /);
    assert.match(startTitle({ user: 'redis', from: 'unit' }), /^start Redis as user redis, as its unit says, and load /);
    assert.match(startTitle({ from: 'command' }), /^start Redis as whom its start command says, and load /);
    const refused = planOf({ target: target({ startUser: { user: 'redis', from: 'data', refused: 'no' } }) });
    assert.deepEqual(
      refused.refusals.map(({ message }) => message),
      ['Redis could not be started: no'],
    );
    const other = planOf({ target: target({ startUser: { user: 'redis', from: 'data', now: 'root' } }) });
    assert.ok(
      other.warnings.includes('Redis runs as user root, and would be started as user redis, to whom its data belongs'),
      other.warnings.join(),
    );
  });

  it('is refused when we, or the default user, would not be let in again', () => {
    assert.match(planned(starts({ signInRefused: 'WRONGPASS' })).refusals[0]?.message ?? '', /refuse the user and password/);
    const [refusal] = planned(starts({ differences: [user('default', 'its password is another one then', true)] })).refusals;
    assert.equal(refusal?.next, 'Keep what is set now: `ACL SAVE`.');
    assert.deepEqual(planned(starts({ differences: [user('bob', 'gone', true)] })).refusals, []);
  });

  it('is refused when redis.conf makes it a replica', () => {
    assert.match(planned(starts({ follows: '10.0.0.1 6379' })).refusals[0]?.message ?? '', /a replica of 10\.0\.0\.1 6379/);
  });

  it('names what a restart takes back, with its cure, and what is not known', () => {
    const setting: StartDifference = { kind: 'setting', name: 'hz', what: '50 now, 10 then', cure: '`CONFIG REWRITE`' };
    const { warnings } = planned(starts({ differences: [user('alice', 'gone', true), user('bob', 'gone'), setting] }));
    const said = warnings.filter((line) => line.includes('set at run time'));
    assert.deepEqual(said, [
      'the restored Redis starts with what its configuration says, and not with what was set at run time: user alice (gone; sign-ins of now are refused then) and user bob (gone). To keep it: `ACL SAVE`',
      'the restored Redis starts with what its configuration says, and not with what was set at run time: setting hz (50 now, 10 then). To keep it: `CONFIG REWRITE`',
    ]);
    assert.ok(
      planned({ outcome: 'unknown', why: 'it is started by /opt/x' }).warnings.includes(
        'what the restored Redis starts with could not be tried beforehand: it is started by /opt/x',
      ),
    );
    assert.ok(
      planned(starts({ functionsNow: ['a', 'b'] })).warnings.includes(
        'the function libraries of now (a and b) are replaced, too: the backup has 0 libraries',
      ),
    );
    assert.ok(
      planned(starts({ uncompared: ['ACL LIST'] })).warnings.includes(
        'whether a restart takes something back is not known in full: ACL LIST may not be asked',
      ),
    );
  });

  it('believes the next start of databases, modules and maxmemory, and not the running server', () => {
    const running = server({ databases: 32, maxmemoryBytes: 0, modules: [{ name: 'ReJSON', version: 1 }] });
    const next = starts({ databases: 1, maxmemoryBytes: 1_000_000, maxmemoryPolicy: 'noeviction', modules: [] });
    const { refusals } = planOf({ target: target({ server: running, nextStart: next }) });
    assert.match(refusals.map(({ message }) => message).join('\n'), /maxmemory/);
  });
});
