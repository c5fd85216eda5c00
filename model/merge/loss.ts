import { formatCount, formatList } from '../format.ts';
import { atWhen } from '../restore/plan/loss.ts';
import type { PlannedMoment, Refusal } from '../restore/plan/types.ts';
import { mergeCommand, onlyCommand } from './commands.ts';
import type { MergeLoss, MergePlan, MergeRehearsal, PlannedMerge } from './merge.ts';

/** Below this part it is a loss that nobody may find out about afterwards. */
const HALF = 0.5;

/**
 * The classes that the log has taken most of, and those of which that cannot be told: the log takes much at once, and a backup
 * that has none of them does not say what there was. Without a log the backup is what was asked for.
 */
export const lostByLog = (
  { log, classes }: Pick<MergePlan, 'log' | 'classes'>,
  { classes: rehearsed }: Pick<MergeRehearsal, 'classes'>,
  moments: readonly PlannedMoment[],
): string[] =>
  log ? classes.filter((one) => isLess(one, rehearsed) || (moments.length > 0 && isUntold(one))).map(({ name }) => name) : [];

const isLess = ({ name, aliveNow }: PlannedMerge, rehearsed: MergeRehearsal['classes']): boolean =>
  aliveOf(rehearsed, name) < aliveNow.atLeast * HALF;

const isUntold = ({ aliveNow }: PlannedMerge): boolean => aliveNow.atLeast === 0;

/** How many keys the log has taken, as far as that can be told. */
export const keysLostByLog = (
  { classes }: Pick<MergePlan, 'classes'>,
  { classes: rehearsed }: Pick<MergeRehearsal, 'classes'>,
  lost: readonly string[],
): number =>
  classes
    .filter(({ name }) => lost.includes(name))
    .reduce((sum, { name, aliveNow }) => sum + Math.max(0, aliveNow.atLeast - aliveOf(rehearsed, name)), 0);

const aliveOf = (rehearsed: MergeRehearsal['classes'], name: string): number =>
  rehearsed.find((one) => one.name === name)?.alive ?? 0;

/** As text of which the digest is taken. */
export const mergeLossSource = (
  { instance, shard, backupId }: MergePlan,
  { classes, moments }: Pick<MergeLoss, 'classes' | 'moments'>,
): string => JSON.stringify(['merge-loss', instance, shard, backupId, classes, moments.map(({ until }) => until)]);

const MOST_NAMED = 3;

/** Nobody may find out afterwards that what was wanted back was gone already. */
export function mergeLossRefusal(
  plan: MergePlan,
  loss: MergeLoss,
  { classes: rehearsed }: Pick<MergeRehearsal, 'classes'>,
): Refusal | undefined {
  if (loss.accepted) return undefined;
  const { name: instance, classes } = plan;
  const lost = classes.filter(({ name }) => loss.classes.includes(name));
  const causes = loss.moments.length > 0 ? `; the log has ${namedMoments(loss.moments)}` : '';
  const worst = worstOf(loss.moments);
  const other = worst
    ? `To have ${worst.command} undone: \`${onlyCommand(plan, worst)}\`.`
    : `Choose another backup or moment (\`redis-backup list ${instance}\`, \`redis-backup find-destructive ${instance}\`).`;
  return {
    code: 'RESTORE_LOSS',
    message: `${[...lessText(instance, lost, rehearsed), ...untoldText(lost, rehearsed)].join('; ')}${causes}`,
    next: `${other} If the loss is meant: \`${mergeCommand(plan).replace(/ --yes$/, ` --accept-loss ${loss.digest} --yes`)}\`.`,
  };
}

function lessText(instance: string, lost: readonly PlannedMerge[], rehearsed: MergeRehearsal['classes']): string[] {
  const counts = lost
    .filter((one) => isLess(one, rehearsed))
    .map(
      ({ name, aliveNow }) =>
        `${formatCount(aliveOf(rehearsed, name))} ${name} of the ${formatCount(aliveNow.atLeast)} in the backup`,
    );
  return counts.length > 0 ? [`${instance} would get back less than half: ${formatList(counts)} are alive at that moment`] : [];
}

const untoldText = (lost: readonly PlannedMerge[], rehearsed: MergeRehearsal['classes']): string[] =>
  lost
    .filter(isUntold)
    .map(
      ({ name }) =>
        `how many ${name} the log has taken away cannot be told: ${formatCount(aliveOf(rehearsed, name))} alive at that moment, and the backup has none that surely would be`,
    );

function namedMoments(moments: readonly PlannedMoment[]): string {
  const named = moments.slice(-MOST_NAMED).map((one) => `${one.command} ${atWhen(one)}`);
  const more = moments.length - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${formatCount(more)} more` : ''}`;
}

/** Said of every merge, whatever comes back: who typed `--yes` has seen no plan. */
export function mergeMomentWarnings(plan: MergePlan, moments: readonly PlannedMoment[] = []): string[] {
  const worst = worstOf(moments);
  if (!worst) return [];
  return [
    `the log that was replayed takes much at once: ${namedMoments(moments)}; to have ${worst.command} undone: \`${onlyCommand(plan, worst)}\``,
  ];
}

/** What takes a whole database takes most; of equals the last. */
const worstOf = (moments: readonly PlannedMoment[]): PlannedMoment | undefined =>
  moments.reduce<PlannedMoment | undefined>((worst, one) => (worst && tookOf(worst) > tookOf(one) ? worst : one), undefined);

const tookOf = ({ named = Number.POSITIVE_INFINITY }: PlannedMoment): number => named;
