import { ERRORS, RecoveryError } from '../model/errors.ts';
import type { RestoreInput } from '../model/operations.ts';
import { commandToRestore, exactSource } from '../model/restore/plan/commands.ts';
import type { PlannedLoss, RestorePlan } from '../model/restore/plan/plan.ts';
import { renderPlan } from '../model/restore/plan/text.ts';
import { askedName } from '../model/shard.ts';
import { type CommandContext, type Given, optionOf } from './command.ts';
import type { RestoreExecutor } from './restore-executor.ts';

interface Planned {
  plan: RestorePlan;
  digest: string;
}

type Consents = Pick<
  RestoreInput,
  'skipSafetySnapshot' | 'fromAnother' | 'intoAnother' | 'allowUnparsed' | 'noRehearsal' | 'acceptLoss' | 'direct'
>;

/** What a person allows by name. */
export function consentsOf(given: Given): Consents {
  const { options } = given;
  const acceptLoss = optionOf(given, 'acceptLoss');
  return {
    ...(options.skipSafetySnapshot === true ? { skipSafetySnapshot: true } : {}),
    ...(options.fromAnother === true ? { fromAnother: true } : {}),
    ...(options.intoAnother === true ? { intoAnother: true } : {}),
    ...(options.allowUnparsed === true ? { allowUnparsed: true } : {}),
    ...(options.rehearsal === false ? { noRehearsal: true } : {}), // --no-rehearsal
    ...(acceptLoss === undefined ? {} : { acceptLoss }),
    ...(options.direct === true ? { direct: true } : {}),
  };
}

/** What `--plan` prints. @returns the exit code when the plan refuses */
export function showPlan({ output }: CommandContext, { plan, digest }: Planned, given: Given): number | undefined {
  const text = planText(plan, digest, { consents: consentsOf(given) });
  output.result({ outcome: 'planned', digest, plan }, text);
  const [refusal] = plan.refusals;
  return refusal && ERRORS[refusal.code].exit;
}

/** The plan, and how to carry out exactly this one. */
export function planText(plan: RestorePlan, digest: string, { consents = {} }: { consents?: Consents } = {}): string {
  const { name: instance, strategy, loss, refusals } = plan;
  const options = { ...consents, ...(loss ? { acceptLoss: loss.token } : {}) };
  const asked = commandToRestore({ instance, ...exactSource(plan), isLive: strategy === 'live', options });
  const command = `${asked} --yes --expect-plan ${digest}`;
  return `${renderPlan(plan)}\nPlan ${digest}.${howToGoOn(refusals, loss)}${mayGoOn(refusals) ? `\n  ${command}` : ''}\n`;
}

/** Nothing forbids it but a loss that somebody may accept. */
const mayGoOn = (refusals: RestorePlan['refusals']): boolean => refusals.every(({ code }) => code === 'RESTORE_LOSS');

function howToGoOn(refusals: RestorePlan['refusals'], loss: PlannedLoss | undefined): string {
  if (!mayGoOn(refusals)) return '';
  return loss ? ' It loses what stands above. If that is meant, carry it out with:' : ' Carry it out with:';
}

/** @throws RecoveryError `PLAN_CHANGED` */
export async function expectedPlan(runner: RestoreExecutor, input: RestoreInput, expected: string | undefined): Promise<Planned> {
  const planned = await runner.plan(input);
  if (expected === undefined || expected === planned.digest) return planned;
  throw new RecoveryError('PLAN_CHANGED', `plan ${expected} was expected, but the plan is ${planned.digest} now`, {
    next: 'Look at it with --plan, and approve that one.',
  });
}

/**
 * Shows the plan to the person at the terminal. What they approve is that plan, and no other. Who loses data says what: a
 * name that is typed each time is no sign that the numbers were read.
 * @throws RecoveryError the refusal of the plan, or `CANCELLED`
 */
export async function askFor(
  { output, ask }: CommandContext,
  { plan, digest }: Planned,
  input: RestoreInput,
): Promise<RestoreInput> {
  output.note(`${renderPlan(plan)}\nPlan ${digest}.`);
  const refusal = plan.refusals.find(({ code }) => code !== 'RESTORE_LOSS');
  if (refusal) throw new RecoveryError(refusal.code, refusal.message, { next: refusal.next });
  const approved = { ...input, ...exactSource(plan), plan: digest };
  const loss = plan.loss?.accepted ? undefined : plan.loss;
  const wanted = loss ? loss.phrase : plan.name;
  const answer = await ask?.(
    loss ? `This loses data. Only if that is meant, type "${wanted}": ` : `Type ${wanted} to restore it: `,
  );
  if (answer !== undefined && asTyped(answer) === asTyped(wanted))
    return { ...approved, ...(loss ? { acceptLoss: loss.token } : {}) };
  throw new RecoveryError(
    'CANCELLED',
    `nothing was restored: the answer was not ${loss ? `"${wanted}"` : 'the name of the instance'}`,
    {
      next: loss
        ? (plan.refusals[0]?.next ?? 'Run the command again.')
        : `Run the command again and type ${wanted}, or use --yes --expect-plan ${digest}.`,
    },
  );
}

/** Case, blanks, quotes and the commas of numbers are no difference. */
const asTyped = (text: string): string => text.replaceAll(/["',]/g, '').trim().replaceAll(/\s+/g, ' ').toLowerCase();

export const nobodyThere = ({
  instance: of,
  shard,
  backupId,
  until,
  aofBackup,
  strategy,
  plan: _,
  planOnly: __,
  ...options
}: RestoreInput) => {
  const asked = commandToRestore({
    instance: askedName({ instance: of, ...(shard === undefined ? {} : { shard }) }),
    ...(backupId === undefined ? {} : { backupId }),
    ...(until === undefined ? {} : { until }),
    ...(aofBackup === undefined ? {} : { aofBackup }),
    isLive: strategy === 'live',
    options,
  });
  return new RecoveryError('USAGE', 'a restore replaces data, and nobody is there to be asked', {
    next: `Look at \`${asked} --plan\`, then run \`${asked} --yes --expect-plan DIGEST\` with the digest that it prints.`,
  });
};
