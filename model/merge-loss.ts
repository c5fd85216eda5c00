import { formatCount, formatList, formatTime } from './format.ts';
import type { MergePlan, MergeRehearsal } from './merge.ts';
import { mergeCommand } from './merge-outcome.ts';
import type { PlannedMoment, Refusal } from './plan-types.ts';

/** A merge that brings back much less than its backup has: the log behind it has taken the keys away. */
export interface MergeLoss {
  /** Of these classes less than half is left of what the backup has alive, or nothing. */
  classes: string[];
  /** What the log has that takes much at once, oldest first. */
  moments: PlannedMoment[];
  /** What `--accept-loss` takes. The same as long as the same classes are lost by the same moments. */
  digest: string;
  accepted: boolean;
}

/** Below this part it is a loss that nobody may find out about afterwards. */
const HALF = 0.5;

/** The classes that the log has taken most of. Without a log the backup is what was asked for. */
export const lostByLog = ({ log, classes }: MergePlan, { classes: rehearsed }: Pick<MergeRehearsal, 'classes'>): string[] =>
  log ? classes.filter(({ name, aliveNow }) => aliveOf(rehearsed, name) < aliveNow.atLeast * HALF).map(({ name }) => name) : [];

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
  const { instance, classes } = plan;
  const counts = classes
    .filter(({ name }) => loss.classes.includes(name))
    .map(
      ({ name, aliveNow }) =>
        `${formatCount(aliveOf(rehearsed, name))} ${name} of the ${formatCount(aliveNow.atLeast)} in the backup`,
    );
  const named = loss.moments.slice(-MOST_NAMED).map((one) => `${one.command} at ${formatTime(one.atMs, 'milliseconds')}`);
  const more = loss.moments.length - named.length;
  const causes = named.length > 0 ? `; the log has ${named.join(', ')}${more > 0 ? ` and ${formatCount(more)} more` : ''}` : '';
  const worst = worstOf(loss.moments);
  const other = worst
    ? `To have ${worst.command} undone: \`${onlyCommand(plan, worst.until)}\`.`
    : `Choose another backup or moment (\`redis-backup list ${instance}\`, \`redis-backup find-destructive ${instance}\`).`;
  return {
    code: 'RESTORE_LOSS',
    message: `${instance} would get back less than half: ${formatList(counts)} are alive at that moment${causes}`,
    next: `${other} If the loss is meant: \`${mergeCommand(plan).replace(/ --yes$/, ` --accept-loss ${loss.digest} --yes`)}\`.`,
  };
}

const onlyCommand = ({ instance, classes }: MergePlan, until: string): string =>
  `redis-backup restore ${instance} --only ${classes.map(({ name }) => name).join(',')} --until ${until}`;

/** What takes a whole database takes most; of equals the last. */
const worstOf = (moments: readonly PlannedMoment[]): PlannedMoment | undefined =>
  moments.reduce<PlannedMoment | undefined>((worst, one) => (worst && tookOf(worst) > tookOf(one) ? worst : one), undefined);

const tookOf = ({ named = Number.POSITIVE_INFINITY }: PlannedMoment): number => named;
