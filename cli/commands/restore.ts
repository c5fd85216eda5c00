import { ERRORS, RecoveryError } from '../../model/errors.ts';
import { isBackupId } from '../../model/instance.ts';
import type { RestoreInput, RestoreResult } from '../../model/operations.ts';
import type { RestorePlan } from '../../model/plan.ts';
import { renderPlan } from '../../model/plan-text.ts';
import { LATEST } from '../catalog.ts';
import { type CommandContext, type CommandSpec, type Given, oneInstance, optionOf } from '../command.ts';
import { type RestoreConduct, wrongAnswer } from '../restore-conduct.ts';
import { restoreText } from '../restore-text.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

/** `restore [INSTANCE] [BACKUP_ID]`: shows the plan, asks, and follows the workflow. Ctrl-C detaches; the restore goes on. */
export const restore: CommandSpec = {
  name: 'restore',
  about: 'replaces the data of a Redis by a backup: plan, safety snapshot, stop, replace, start, verify, or all put back',
  arguments: [
    ONE_INSTANCE,
    { name: 'BACKUP_ID', about: 'as `list` shows it; `latest`, the default, is the newest that holds anything' },
  ],
  options: [
    { flags: '--plan', about: 'only say what would be done and lost' },
    { flags: '--yes', about: 'do not ask' },
    { flags: '--expect-plan <digest>', about: 'refuse unless the plan is this one, as --plan printed it' },
    { flags: '--skip-safety-snapshot', about: 'take no backup of what is there now; its files are kept aside in any case' },
    { flags: '--direct', about: 'without Temporal, in this process: for when Temporal itself is down; not durable' },
  ],
  exits: '40 when the plan refuses; 48 when it failed and everything was put back; 130 on Ctrl-C, and the restore goes on',
  async run(context, given) {
    const { instance, backupId } = await meant(context, given);
    const input: RestoreInput = {
      instance,
      backupId,
      strategy: 'replace',
      ...(given.options.skipSafetySnapshot === true ? { skipSafetySnapshot: true } : {}),
    };
    const conduct = given.options.direct === true ? await directly(context) : await throughTemporal(context);
    const expected = optionOf(given, 'expectPlan');
    if (given.options.plan === true) return showPlan(context, await conduct.plan(input), expected);
    const approved =
      given.options.yes === true
        ? { ...input, ...(expected ? { plan: expected } : {}) }
        : await askFor(context, conduct, input, expected);
    const report = await conduct.restore(approved);
    context.output.result(report, restoreText(report));
    return undefined;
  },
};

/** `restore 20260801T060000Z` with one instance means that backup, not an instance of that name. */
async function meant({ config }: CommandContext, given: Given): Promise<{ instance: string; backupId: string }> {
  const [first, second] = given.arguments;
  const onlyBackup = second === undefined && first !== undefined && (first === LATEST || isBackupId(first));
  const instance = oneInstance(await config(), onlyBackup ? undefined : first, 'restore');
  return { instance, backupId: (onlyBackup ? first : second) ?? LATEST };
}

async function throughTemporal({ temporal, output, interrupt }: CommandContext): Promise<RestoreConduct> {
  const session = await temporal();
  const { startPlan, startRestore, follow } = await import('../operations/index.ts');
  const options = { session, output, interrupt };
  return {
    async plan(input) {
      const result = await follow<RestoreResult>(await startPlan(session, input), options);
      if (result.outcome === 'planned') return result;
      throw wrongAnswer(result.outcome);
    },
    async restore(input) {
      const result = await follow<RestoreResult>(await startRestore(session, input), options);
      if (result.outcome === 'restored') return result;
      throw wrongAnswer(result.outcome);
    },
  };
}

async function directly({ config, output, interrupt }: CommandContext): Promise<RestoreConduct> {
  const { conductDirectly } = await import('../direct.ts');
  output.note(
    'warning: without Temporal this restore is not durable: if this process ends, nothing goes on and nothing is put back.',
  );
  return conductDirectly(await config(), { output, interrupt });
}

function showPlan(
  { output }: CommandContext,
  { plan, digest }: { plan: RestorePlan; digest: string },
  expected: string | undefined,
): number | undefined {
  if (expected !== undefined && expected !== digest) throw changed(expected, digest);
  output.result({ outcome: 'planned', digest, plan }, planText(plan, digest));
  return plan.refusals.length > 0 ? ERRORS.RESTORE_REFUSED.exit : undefined;
}

/** The plan, and how to carry out exactly this one. */
export const planText = (plan: RestorePlan, digest: string): string =>
  `${renderPlan(plan)}\nPlan ${digest}.${plan.refusals.length > 0 ? '' : ` Carry it out with:\n  redis-backup restore ${plan.instance} ${plan.backupId} --yes --expect-plan ${digest}`}\n`;

/** Shows the plan to the person at the terminal. What they approve is that plan, and no other. */
async function askFor(
  { output, ask }: CommandContext,
  conduct: RestoreConduct,
  input: RestoreInput,
  expected: string | undefined,
): Promise<RestoreInput> {
  const { instance, backupId } = input;
  if (!ask) {
    throw new RecoveryError('USAGE', 'a restore replaces data, and nobody is there to be asked', {
      next: `Look at \`redis-backup restore ${instance} ${backupId} --plan\`, then run \`redis-backup restore ${instance} ${backupId} --yes --expect-plan DIGEST\` with the digest that it prints.`,
    });
  }
  const { plan, digest } = await conduct.plan(input);
  if (expected !== undefined && expected !== digest) throw changed(expected, digest);
  output.note(`${renderPlan(plan)}\nPlan ${digest}.`);
  const [refusal] = plan.refusals;
  if (refusal) throw new RecoveryError('RESTORE_REFUSED', refusal.message, { next: refusal.next });
  const answer = await ask(`Type ${instance} to restore it: `);
  if (answer.trim() === instance) return { ...input, backupId: plan.backupId, plan: digest };
  throw new RecoveryError('CANCELLED', 'nothing was restored: the answer was not the name of the instance', {
    next: `Run the command again and type ${instance}, or use --yes --expect-plan ${digest}.`,
  });
}

const changed = (expected: string, digest: string) =>
  new RecoveryError('PLAN_CHANGED', `plan ${expected} was expected, but the plan is ${digest} now`, {
    next: 'Look at it with --plan, and approve that one.',
  });
