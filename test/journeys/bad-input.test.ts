import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../../cli/check/finding.ts';
import { failureOf } from '../support/failure-of.ts';
import { House } from '../support/house.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { Attempts, type Refusal } from '../support/refusals.ts';
import { startS3 } from '../support/s3-server.ts';
import { freePort } from '../support/temporal.ts';

describe('Bad input is refused, says why and what to do, and changes nothing:', function () {
  this.timeout(180_000);
  let house: House;
  let stranger: RedisServer;
  let attempts: Attempts;
  let metricsPort: number;

  before(async () => {
    metricsPort = await freePort();
    stranger = await startRedis({ password: 'right' });
    house = await House.open({
      worker: { metrics: { port: metricsPort } },
      redis: { password: 'right', users: { limited: 'on >right ~* +@all -psync' } },
      others: ({ port }, dir) => ({
        'wrong-password': { password: secret(dir, 'wrong') },
        limited: { username: 'limited', password: secret(dir, 'right') },
        unmanaged: { platform: { type: 'external' } },
        'other-port': { url: `redis://127.0.0.1:${stranger.port}` },
        'other-dir': otherDirectory(dir, port, 'backups'),
        'no-dir': otherDirectory(dir, port, 'nowhere'),
      }),
    });
    attempts = new Attempts(house);
    await house.ask('DEBUG', 'POPULATE', '300', 'cache');
    await house.backup();
  });
  after(async () => {
    await house?.close();
    await stranger?.[Symbol.asyncDispose]();
  });

  describe('what a person types,', () => {
    it('an instance that is not configured', async () => {
      const says = /no instance "mian".*/;
      for (const type of ['backupSnapshot', 'applyRetention'])
        await attempts.refused(() => attempts.run(type, { instance: 'mian' }), { code: 'INSTANCE_UNKNOWN', says }, 'mian');
      await attempts.refused(() => attempts.restore('latest', { instance: 'mian' }), { code: 'INSTANCE_UNKNOWN', says }, 'mian');
    });

    it('a backup that does not exist', async () => {
      await attempts.refused(() => attempts.restore('20240101T000000Z'), {
        code: 'BACKUP_MISSING',
        says: /no backup 20240101T000000Z of main/,
      });
      await attempts.refused(
        () => attempts.restore('latest', { instance: 'limited' }),
        { code: 'BACKUP_NONE', says: /no backup of limited/ },
        'limited',
      );
    });

    for (const time of ['yesterday', '2024-01-01', '20241301T000000Z', '20230229T000000Z', '20240101T246060Z', '', '../main', 5])
      it(`${JSON.stringify(time)} as a time`, async () => {
        await attempts.refused(() => attempts.restore(time), { code: 'INPUT_INVALID', says: /"backupId" is .*YYYYMMDDTHHMMSSZ/ });
      });

    const inputs: [string, string, unknown, RegExp][] = [
      [
        'a field that nobody knows',
        'backupSnapshot',
        { instance: 'main', resaon: 'manual' },
        /unknown field "resaon" \(known: .*reason/,
      ],
      ['a text for a number', 'backupSnapshot', { instance: 'main', lockWaitSeconds: '5' }, /"lockWaitSeconds" is "5".*number/],
      ['a text for a switch', 'applyRetention', { instance: 'main', dryRun: 'false' }, /"dryRun" is "false".*true or false/],
      [
        'another strategy',
        'restoreFromRdb',
        { instance: 'main', backupId: 'latest', strategy: 'merge' },
        /"strategy" is "merge"/,
      ],
      ['nothing but a name', 'backupSnapshot', 'main', /not one JSON object/],
      ['a list', 'restoreFromRdb', ['main'], /not one JSON object/],
      ['nothing', 'applyRetention', null, /not one JSON object/],
      ['no instance', 'backupSnapshot', {}, /"instance" is missing/],
      ['a name that leaves its folder', 'backupSnapshot', { instance: '../main' }, /"instance" is "..\/main"/],
    ];
    for (const [what, type, input, says] of inputs)
      it(`${what} as input`, () => attempts.refused(() => attempts.run(type, input), { code: 'INPUT_INVALID', says }));

    it('a slip leaves its own run FAILED, and nothing that is said of backups takes it for theirs', async () => {
      const said = async () => {
        const [check, status] = await Promise.all([house.command('check', 'main', '--json'), house.command('status', 'main')]);
        const { findings } = JSON.parse(check.stdout.trim().split('\n').at(-1) ?? '') as { findings: Finding[] };
        const figures = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
        return {
          check: [check.code, ...findings.map(({ check, level }) => `${level} ${check}`)],
          status: [status.code, /^.* is /.exec(status.stdout)?.[0]],
          figures: figures.split('\n').flatMap((line) => (line.startsWith('redis_backup_') ? [line.split(' ')[0]] : [])),
        };
      };
      const before = await said();
      for (const [type, workflowId] of [
        ['backupSnapshot', 'backup/main'],
        ['restoreFromRdb', 'restore/main'],
        ['archiveContinuously', 'archive/main'],
      ] as const) {
        const options = { workflowId, taskQueue: 'redis-ops', args: [{ instance: 'main', slip: true }] };
        const slip = await house.client.workflow.start(type, options);
        assert.equal((await failureOf(slip.result())).code, 'INPUT_INVALID');
        assert.equal((await slip.describe()).status.name, 'FAILED');
      }
      assert.deepEqual(await said(), before);
      assert.deepEqual((await house.command('backup', 'main')).code, 0);
    });

    it('the plan of another day', async () => {
      await attempts.refused(() => attempts.restore('latest', { plan: '0123456789abcdef' }), {
        code: 'PLAN_CHANGED',
        says: /plan 0123456789abcdef/,
      });
    });

    it('the same on the command line, with an exit code', async () => {
      const cases: [string[], number, RegExp][] = [
        [['backup', 'mian'], 2, /"mian"/],
        [['restore', 'main', '20241301T000000Z', '--yes'], 2, /20241301T000000Z/],
        [['restore', 'main', '20240101T000000Z', '--yes'], 20, /20240101T000000Z/],
        [['restore', 'unmanaged', '--yes'], 53, /unmanaged is on platform external/],
        [['backup', 'wrong-password'], 11, /WRONGPASS/],
      ];
      const before = await attempts.state();
      for (const [args, code, says] of cases) {
        const seen = await house.command(...args);
        assert.equal(seen.code, code, seen.stderr);
        assert.match(seen.stderr, says);
        assert.match(seen.stderr, /^next: .{10}/m);
      }
      assert.deepEqual(await attempts.state(), before);
    });
  });

  describe('a Redis that is not as it must be,', () => {
    it('a wrong password', async () => {
      const refusal = { code: 'REDIS_AUTH_FAILED', says: /refused user "default".*WRONGPASS/ };
      await attempts.refused(() => attempts.backup('wrong-password'), refusal, 'wrong-password');
      await attempts.refused(() => attempts.restore('latest', { instance: 'wrong-password' }), refusal, 'wrong-password');
    });

    it('a user who may not replicate', async () => {
      await attempts.refused(
        () => attempts.backup('limited'),
        { code: 'REDIS_PERMISSION_DENIED', says: /PSYNC.*"limited".*NOPERM/i },
        'limited',
      );
    });

    it('a platform that cannot stop it', async () => {
      const refusal = { code: 'PLATFORM_UNSUPPORTED', says: /unmanaged is on platform external/ };
      await attempts.refused(() => attempts.restore('latest', { instance: 'unmanaged' }), refusal, 'unmanaged');
    });

    it('another Redis than the process that would be stopped', async () => {
      const refusal = { code: 'TARGET_IDENTITY', says: new RegExp(`port ${stranger.port}`) };
      await attempts.refused(() => attempts.restore('latest', { instance: 'other-port' }), refusal, 'other-port');
      assert.equal(stranger.isRunning(), true);
    });

    it('a Redis with its data elsewhere than the configured one', async () => {
      const refusal = {
        code: 'TARGET_IDENTITY',
        says: /another Redis answers in the place of other-dir: .*backups is configured/,
      };
      await attempts.refused(() => attempts.backup('other-dir'), refusal, 'other-dir');
    });

    it('a data directory that is not mounted', async () => {
      const refusal = { code: 'RESTORE_REFUSED', says: /the data directory .*nowhere does not exist/ };
      await attempts.refused(() => attempts.restore('latest', { instance: 'no-dir' }), refusal, 'no-dir');
    });

    it('a clock that is 5 s behind ours', async () => {
      await house.killWorker();
      await house.startWorker('', { CLOCK_AHEAD_MS: '5000' });
      await attempts.refused(() => attempts.restore('latest'), {
        code: 'CLOCK_SKEW',
        says: /the clock of main is 5.* s behind ours/,
      });
      await house.killWorker();
      await house.startWorker();
    });
  });

  describe('a repository that cannot be used,', () => {
    const both = async (refusal: Refusal) => {
      await attempts.refused(() => attempts.backup('main'), refusal);
      await attempts.refused(() => attempts.restore('latest'), refusal);
    };

    it('a directory that is not there', async () => {
      await house.reconfigure((config) => {
        config.repository = { url: `file://${house.dir}/backupz` };
      });
      await both({ code: 'STORE_MISSING', says: /backupz/ });
      assert.ok(!readdirSync(house.dir).includes('backupz'));
    });

    it('a bucket that is not there, a wrong key, and a bucket of somebody else', async () => {
      await using s3 = await startS3();
      const { accessKeyId, secretAccessKey } = await s3.addUser('somebody', 'somebody-secret');
      const use = (bucket: string, id: string, key: string) =>
        house.reconfigure((config) => {
          const keys = { accessKeyId: secret(house.dir, id), secretAccessKey: secret(house.dir, key) };
          config.repository = { url: `s3://${bucket}/here`, endpoint: s3.endpoint, ...keys };
        });
      await use('nowhere', s3.credentials.accessKeyId, s3.credentials.secretAccessKey);
      await both({ code: 'STORE_MISSING', says: /s3:\/\/nowhere\/here/ });
      await use('backups', s3.credentials.accessKeyId, 'wrong');
      await both({ code: 'STORE_DENIED', says: /s3:\/\/backups\/here/ });
      await use('backups', accessKeyId, secretAccessKey);
      await both({ code: 'STORE_DENIED', says: /s3:\/\/backups\/here/ });
    });
  });
});

function secret(dir: string, text: string): { file: string } {
  const file = join(dir, `secret-${text}`);
  writeFileSync(file, text);
  return { file };
}

/** A configuration that fits the port and the process, and names other files. */
function otherDirectory(house: string, port: number, dir: string): Record<string, unknown> {
  const other = join(house, `${dir}.conf`);
  writeFileSync(other, `port ${port}\ndir ${house}/${dir}\n`);
  return { platform: { type: 'process', configFile: other, start: { command: ['redis-server', other] } } };
}
