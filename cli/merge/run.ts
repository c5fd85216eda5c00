import { ERRORS, RecoveryError } from '../../model/errors.ts';
import type { MergedReport, MergeInput, MergePlan, MergeResult } from '../../model/merge/merge.ts';
import { formatOffset } from '../../model/restore/until.ts';
import type { CommandContext, Given } from '../command.ts';
import { wrongAnswer } from '../restore-executor.ts';
import { mergedText, mergePlanText } from './text.ts';

/** Options of `restore` that mean nothing where nothing is replaced. */
const FOREIGN: readonly [flag: string, isGiven: (options: Given['options']) => boolean][] = [
  ['--direct', ({ direct }) => direct !== undefined],
  ['--expect-plan', ({ expectPlan }) => expectPlan !== undefined],
  ['--skip-safety-snapshot', ({ skipSafetySnapshot }) => skipSafetySnapshot !== undefined],
  ['--strategy', ({ strategy }) => strategy !== undefined],
  ['--no-rehearsal', ({ rehearsal }) => rehearsal === false], // a copy is loaded in any case: the keys come from it
  ['--allow-unparsed', ({ allowUnparsed }) => allowUnparsed !== undefined], // what comes back is counted in that copy
  ['--from-another', ({ fromAnother }) => fromAnother !== undefined],
];

/** `restore --only`: shows what would come back, asks, and follows the workflow. Ctrl-C detaches; the merge goes on. */
export async function runMerge(context: CommandContext, given: Given, input: MergeInput): Promise<number | undefined> {
  const { output } = context;
  const foreign = FOREIGN.find(([, isGiven]) => isGiven(given.options));
  if (foreign) throw notWithOnly(foreign[0]);
  const asksNobody = given.options.plan === true || given.options.yes === true;
  if (!asksNobody && !context.ask) throw nobodyThere(input);
  if (given.options.plan === true) {
    const plan = await planned(context, input);
    output.result({ outcome: 'planned', plan }, mergePlanText(plan));
    const [refusal] = plan.refusals;
    return refusal && ERRORS[refusal.code].exit;
  }
  const approved = given.options.yes === true ? input : await askFor(context, input);
  const report = await merged(context, approved);
  output.result(report, mergedText(report));
  return report.outcome === 'merged' ? undefined : ERRORS.MERGE_INCOMPLETE.exit;
}

async function planned(context: CommandContext, input: MergeInput): Promise<MergePlan> {
  const result = await followMerge(context, { ...input, planOnly: true });
  if (result.outcome === 'planned') return result.plan;
  throw wrongAnswer(result.outcome);
}

async function merged(context: CommandContext, input: MergeInput): Promise<MergedReport> {
  const result = await followMerge(context, input);
  if (result.outcome !== 'planned') return result;
  throw wrongAnswer(result.outcome);
}

async function followMerge({ temporal, output, interrupt }: CommandContext, input: MergeInput): Promise<MergeResult> {
  const session = await temporal();
  const { startMerge, followOperation } = await import('../operations/index.ts');
  return followOperation<MergeResult>(await startMerge(session, input), { session, output, interrupt });
}

/** What the person approves is that backup and that moment: a minute later `latest` is another one. */
async function askFor(context: CommandContext, input: MergeInput): Promise<MergeInput> {
  const plan = await planned(context, input);
  context.output.note(mergePlanText(plan));
  const refusal = plan.refusals.find(({ code }) => code !== 'RESTORE_LOSS');
  if (refusal) throw new RecoveryError(refusal.code, refusal.message, { next: refusal.next });
  // Who types a name has not read what it costs.
  const isLossy = plan.loss !== undefined && !plan.loss.accepted;
  const phrase = isLossy ? `merge what is left of ${plan.loss?.classes.join(', ')}` : plan.name;
  const answer = await context.ask?.(`Type ${phrase} to merge: `);
  const last = plan.log?.ranges.at(-1);
  const until = last ? { until: formatOffset(last.timelineId, last.to) } : {};
  const accepted = isLossy && plan.loss ? { acceptLoss: plan.loss.digest } : {};
  if (answer?.trim() === phrase) return { ...input, backupId: plan.backupId, ...until, ...accepted };
  throw new RecoveryError('CANCELLED', `nothing was merged: the answer was not "${phrase}"`, {
    next: `Run the command again and type ${phrase}, or use --yes.`,
  });
}

const notWithOnly = (flag: string): RecoveryError =>
  new RecoveryError(
    'USAGE',
    `${flag} has no meaning with --only, which replaces nothing and brings keys out of a copy that it loads`,
    { next: `Leave ${flag} out.` },
  );

const nobodyThere = ({ classes }: MergeInput): RecoveryError =>
  new RecoveryError('USAGE', 'a merge brings keys back into a living Redis, and nobody is there to be asked', {
    next: `Look at it with --only ${classes.join(',')} --plan, then run it with --yes.`,
  });
