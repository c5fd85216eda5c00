import assert from 'node:assert/strict';
import { planRestore, type RestorePlan } from '../../model/restore/plan/plan.ts';
import * as fixtures from '../fixtures/plan.ts';
import { until } from '../support/until.ts';
import { Captured, openSite, type Site } from './support/command.ts';
import { Stage } from './support/stage.ts';

const DIGEST = 'bb1240d6ffec3d2a';
const BACKUP_ID = '20260801T060000Z';
const ALLOWED: RestorePlan = planRestore(fixtures.input());
const REFUSED: RestorePlan = {
  ...ALLOWED,
  refusals: [{ code: 'CLOCK_SKEW', message: 'the clocks are an hour apart', next: 'Set both by NTP.' }],
};
const million = { total: 1_000_000, databases: [{ db: 0, keys: 1_000_000 }] };
const LOSSY: RestorePlan = planRestore(fixtures.input({ target: fixtures.target({ keysNow: million }) }));
const REPORT = {
  outcome: 'restored',
  instance: 'main',
  backupId: BACKUP_ID,
  takenAt: '2026-08-01T06:00:00.000Z',
  strategy: 'replace',
  keysExpected: 200_000,
  keysFound: 200_000,
  keysLoaded: 199_000,
  keysExpired: 1_000,
  keysAlive: 198_000,
  keysAfter: {
    keys: 198_000,
    promised: { atLeast: 198_000, atMost: 199_000 },
    classes: [
      { name: 'sessions', keys: 118_000, promised: { atLeast: 118_000, atMost: 119_000 } },
      { name: 'apiCache', keys: 0, promised: { atLeast: 0, atMost: 0 } },
      { name: 'other', keys: 80_000, promised: { atLeast: 80_000, atMost: 80_000 } },
    ],
    databases: [
      { name: 'db0', keys: 197_000, promised: { atLeast: 197_000, atMost: 198_000 } },
      { name: 'db3', keys: 1_000, promised: { atLeast: 1_000, atMost: 1_000 } },
    ],
  },
  exact: true,
  proof: 'all 200,000 keys are accounted for: 199,000 loaded, 1,000 expired; 198,000 of 198,000 to 199,000 keys are there',
  downtimeSeconds: 4.2,
  losses: { ...ALLOWED.losses, revived: [{ name: 'sessions', atMost: 120_000 }] },
  warnings: ['a replica was left behind'],
  applications: [{ name: 'api', verdict: 'connected', detail: 'HTTP 200' }],
  safetyBackupId: '20260801T083000Z',
  keptAside: { directory: '/var/lib/redis/.redis-backup/x/aside', bytes: 1.5e9, onlyCopy: false },
};

describe('redis-backup restore, through a real Temporal', function () {
  this.timeout(60_000);
  let stage: Stage;
  let site: Site;
  let plan: RestorePlan;
  let inputs: object[];
  before(async () => {
    stage = await Stage.open();
    site = await stage.site();
  });
  beforeEach(() => {
    plan = ALLOWED;
    inputs = [];
    stage.play = async (type, input) => {
      inputs.push({ type, ...input });
      return 'planOnly' in input ? { outcome: 'planned', instance: 'main', digest: DIGEST, plan } : REPORT;
    };
  });
  after(async () => {
    await site?.[Symbol.asyncDispose]();
    await stage?.close();
  });
  const asked = { type: 'restoreFromRdb', instance: 'main', backupId: 'latest', strategy: 'replace' };

  it('is refused when nobody is there to be asked, with the commands that do it', async () => {
    assert.deepEqual(await site.run('restore'), {
      code: 2,
      stdout: '',
      stderr:
        'error: a restore replaces data, and nobody is there to be asked\nnext: Look at `redis-backup restore main latest --plan`, then run `redis-backup restore main latest --yes --expect-plan DIGEST` with the digest that it prints.\n',
    });
    assert.deepEqual(inputs, []);
  });

  it('--plan prints what would be lost and how to carry out exactly that', async () => {
    const { code, stdout } = await site.run('restore main --plan');
    assert.equal(code, 0);
    assert.ok(stdout.startsWith('Restore main from backup 20260801T060000Z'));
    assert.ok(
      stdout.endsWith(
        `\nPlan ${DIGEST}. Carry it out with:\n  redis-backup restore main ${BACKUP_ID} --yes --expect-plan ${DIGEST}\n`,
      ),
      stdout,
    );
    assert.deepEqual(inputs, [{ ...asked, planOnly: true }]);
    const json = await site.json<{ digest: string; plan: RestorePlan }>('restore --plan');
    assert.equal(json.digest, DIGEST);
    assert.deepEqual(json.plan, plan);
  });

  it('--plan exits with the code of what forbids it', async () => {
    plan = REFUSED;
    const { code, stdout } = await site.run('restore --plan');
    assert.equal(code, 15);
    assert.match(stdout, /CLOCK_SKEW: the clocks are an hour apart\.\n {4}next: Set both by NTP\./);
    assert.ok(stdout.endsWith(`\nPlan ${DIGEST}.\n`));
  });

  it('--plan --expect-plan says that the plan has changed', async () => {
    const { code, stderr } = await site.run('restore --plan --expect-plan 0000');
    assert.equal(code, 41);
    assert.equal(
      stderr,
      `error: plan 0000 was expected, but the plan is ${DIGEST} now\nnext: Look at it with --plan, and approve that one.\n`,
    );
  });

  it('--yes starts the workflow that the temporal CLI starts, and reports what was proved and lost', async () => {
    assert.deepEqual(await site.run(`restore main ${BACKUP_ID} --yes --expect-plan ${DIGEST} --skip-safety-snapshot`), {
      code: 0,
      stdout: `restored main from 20260801T060000Z
  after: 198,000 of 198,000 to 199,000 keys are there (sessions 118,000 of 118,000 to 119,000, other 80,000 of 80,000)
    db0 197,000 of 197,000 to 198,000, db3 1,000 of 1,000
  proof: all 200,000 keys are accounted for: 199,000 loaded, 1,000 expired; 198,000 of 198,000 to 199,000 keys are there
  lost: every write since 2026-08-01 06:00:00 UTC
  signed in again: at most 120,000 sessions that were signed out since
  served nobody for 4.2 s
  application api: connected, HTTP 200
  what was there before: backup 20260801T083000Z
  its files: /var/lib/redis/.redis-backup/x/aside, 1.5 GB; they go when a later restore has been proved
warning: a replica was left behind
`,
      stderr: '',
    });
    assert.deepEqual(inputs, [{ ...asked, backupId: BACKUP_ID, plan: DIGEST, skipSafetySnapshot: true }]);
    assert.equal((await stage.client.workflow.getHandle('restore/main').describe()).status.name, 'COMPLETED');
  });

  it('knows no downtime of a Redis that was down before', async () => {
    stage.play = async () => ({ ...REPORT, downtimeSeconds: 1.6, wasDown: true });
    const { stdout } = await site.run('restore main --yes');
    assert.match(
      stdout,
      /^ {2}Redis did not answer when the restore began; from the start of the new process to its first answer: 1\.6 s$/m,
    );
    assert.doesNotMatch(stdout, /served nobody/);
  });

  it('takes a backup id alone for that backup when there is one instance', async () => {
    await site.run(`restore ${BACKUP_ID} --yes`);
    assert.deepEqual(inputs, [{ ...asked, backupId: BACKUP_ID }]);
  });

  it('refuses what is no backup id before anything is asked', async () => {
    const { code, stderr } = await site.run('restore main 2026-08-01 --yes');
    assert.equal(code, 2);
    assert.match(stderr, /^error: "2026-08-01" is not a backup id$/m);
    assert.deepEqual(inputs, []);
  });

  it('asks at a terminal, and carries out the very plan that was shown', async () => {
    const questions: string[] = [];
    const ask = async (question: string) => {
      questions.push(question);
      return 'main\n';
    };
    const { code, stderr } = await site.run('restore', { ask });
    assert.equal(code, 0);
    assert.ok(stderr.startsWith('Restore main from backup 20260801T060000Z'));
    assert.deepEqual(questions, ['Type main to restore it: ']);
    assert.deepEqual(inputs, [
      { ...asked, planOnly: true },
      { ...asked, backupId: BACKUP_ID, plan: DIGEST },
    ]);
  });

  it('restores nothing when the answer is another', async () => {
    for (const answer of ['', 'y', 'yes', 'other']) {
      const { code, stderr } = await site.run('restore', { ask: async () => answer });
      assert.equal(code, 52);
      assert.ok(
        stderr.endsWith(
          `error: nothing was restored: the answer was not the name of the instance\nnext: Run the command again and type main, or use --yes --expect-plan ${DIGEST}.\n`,
        ),
      );
    }
    assert.ok(inputs.length > 0 && inputs.every((input) => 'planOnly' in input));
  });

  it('asks who loses data to say so: a name that is typed each time is no sign that the plan was read', async () => {
    plan = LOSSY;
    const questions: string[] = [];
    const answering = (answer: string) => async (question: string) => {
      questions.push(question);
      return answer;
    };
    for (const answer of ['main', 'yes', LOSSY.loss?.token ?? '']) {
      const { code, stderr } = await site.run('restore', { ask: answering(answer) });
      assert.equal(code, 52);
      assert.match(stderr, /^error: nothing was restored: the answer was not "lose 825,000 keys of main"$/m);
      assert.match(stderr, /^next: Choose another backup .*--accept-loss [0-9a-f]{16}-\d+ --yes`\.$/m);
    }
    assert.equal((await site.run('restore', { ask: answering(' Lose 825000 keys of main\n') })).code, 0);
    assert.equal(questions.at(-1), 'This loses data. Only if that is meant, type "lose 825,000 keys of main": ');
    assert.deepEqual(inputs.at(-1), { ...asked, backupId: BACKUP_ID, plan: DIGEST, acceptLoss: LOSSY.loss?.token });
  });

  it('--plan prints the command that accepts the loss of this plan, with the options that it was made with', async () => {
    plan = LOSSY;
    const { code, stdout } = await site.run('restore --plan --no-rehearsal --allow-unparsed');
    assert.equal(code, 40);
    assert.ok(
      stdout.endsWith(
        `\nPlan ${DIGEST}. It loses what stands above. If that is meant, carry it out with:\n  redis-backup restore main ${BACKUP_ID} --allow-unparsed --no-rehearsal --accept-loss ${LOSSY.loss?.token} --yes --expect-plan ${DIGEST}\n`,
      ),
      stdout,
    );
    assert.deepEqual(inputs, [{ ...asked, planOnly: true, noRehearsal: true, allowUnparsed: true }]);
  });

  it('--accept-loss goes into the workflow', async () => {
    await site.run('restore --yes --accept-loss 0123456789abcdef');
    assert.deepEqual(inputs, [{ ...asked, acceptLoss: '0123456789abcdef' }]);
  });

  it('does not even ask when the plan is refused', async () => {
    plan = REFUSED;
    const ask = () => Promise.reject(new Error('asked'));
    const { code, stderr } = await site.run('restore', { ask });
    assert.equal(code, 15);
    assert.ok(stderr.endsWith('error: the clocks are an hour apart\nnext: Set both by NTP.\n'));
  });

  it('refuses a second one while one runs, and plans beside it', async () => {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const play = stage.play;
    stage.play = async (type, input) => {
      if (!('planOnly' in input)) await opened;
      return play(type, input);
    };
    const stderr = new Captured();
    const first = site.run('restore --yes', { stderr });
    await until(() => stderr.text.includes('snapshot'), { what: 'the first restore' });
    const { address } = stage.temporal;
    assert.deepEqual(await site.run('restore --yes'), {
      code: 50,
      stdout: '',
      stderr: `error: restore/main is running already\nnext: Follow it with \`temporal workflow result --workflow-id restore/main --address ${address}\`, or cancel it with \`temporal workflow cancel --workflow-id restore/main --address ${address}\`.\n`,
    });
    assert.equal((await site.run('restore --plan')).code, 0);
    open();
    assert.equal((await first).code, 0);
  });
});

describe('redis-backup restore --direct', () => {
  it('is refused for a Redis that is only reached over the network', async () => {
    await using site = await openSite();
    const { code, stderr } = await site.run('restore --direct --yes');
    assert.equal(code, 53);
    assert.match(
      stderr,
      /^warning: without Temporal this restore is not durable: if this process is killed, what it has moved is put back only by the next recovery, worker or restore --direct here\n/,
    );
    assert.match(stderr, /^error: main is on platform external: it cannot be stopped, nor its files replaced$/m);
  });
});
