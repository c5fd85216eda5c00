import { classInWords } from '../../data-class.ts';
import { formatBounds, formatCount, formatCountOf, passedText } from '../../format.ts';
import type { KeysAfter } from '../stands-check.ts';
import { isAccepted, lossToken } from './accepted-loss.ts';
import { commandToRestore, exactSource, undoOf } from './commands.ts';
import { refuse } from './identity.ts';
import type { Consent, LossKind, OutcomeRow, PlannedLoss } from './planned.ts';
import type { PlanInput, PlannedMoment, Refusal, RestorePlan } from './types.ts';

/** Below this part it is a loss that nobody may find out about afterwards. */
const HALF = 0.5;

const isLess = (after: OutcomeRow['afterRestore'], than = 0): boolean => after !== undefined && after.atMost < than * HALF;

/** What is lost against what is there now, and against the backup: from the most that can come, so that an unsure number is no ground. */
export function lossKinds(
  input: Pick<PlanInput, 'log' | 'manifest' | 'rehearsal' | 'classes'>,
  { outcome, moments }: Pick<RestorePlan, 'outcome' | 'moments'>,
): LossKind[] {
  const { log, manifest, rehearsal } = input;
  const { all, classes, known } = outcome;
  if (known === 'estimate') return all.afterRestore === undefined ? ['untold'] : []; // the log may add what it likes
  const functions = rehearsal?.done ? rehearsal.functions : manifest.rdb.functions;
  if (known === 'expiry' && !manifest.rdb.parsed) return []; // nobody counted it
  if (all.afterRestore?.atMost === 0 && functions === 0) return ['nothing'];
  const kinds: LossKind[] = [];
  if (isLess(all.afterRestore, all.inRedisNow)) kinds.push('now');
  if (log && isLess(all.afterRestore, all.inBackup)) kinds.push('backup');
  if (isLess(all.afterRestore, inLog(moments))) kinds.push('log');
  for (const { name, inRedisNow = 0, inBackup, afterRestore } of classes) {
    if (!isMissed(input, name, Math.max(inRedisNow, inBackup, inLog(moments, name)))) continue;
    if (isLess(afterRestore, inRedisNow)) kinds.push(`now of ${name}`);
    if (log && isLess(afterRestore, inBackup)) kinds.push(`backup of ${name}`);
    if (isLess(afterRestore, inLog(moments, name))) kinds.push(`log of ${name}`);
  }
  return kinds;
}

/** A handful of keys that nobody has named is no loss that anybody names. */
const LEAST_UNNAMED = 10;

/** What is live credentials or does not come back by itself; of keys in no class that is not known, and so not taken to be. */
function isMissed({ classes }: Pick<PlanInput, 'classes'>, name: string, most: number): boolean {
  const known = classes.find((one) => one.name === name);
  return known ? known.sensitive || !known.recreatable : most >= LEAST_UNNAMED;
}

/** The most that stood there before a moment that took much: of one class at least what was taken. A log that filled Redis again has lost nothing. */
const inLog = (moments: readonly PlannedMoment[], name?: string): number =>
  Math.max(0, ...moments.map((one) => hadOf(one, name)));

const hadOf = ({ keysBefore = 0, took = [] }: PlannedMoment, name?: string): number =>
  name === undefined ? keysBefore : (took.find((one) => one.name === name)?.keys ?? 0);

/** As text of which the digest is taken. Counts are left out: they drift while the archive grows. */
const lossDigestSource = (
  { instance, shard, manifest }: PlanInput,
  kinds: LossKind[],
  plan: Pick<RestorePlan, 'moments' | 'moreMoments'>,
): string =>
  JSON.stringify([
    'loss',
    instance,
    shard,
    manifest.backupId,
    kinds,
    plan.moments.map(({ until, place }) => until ?? place),
    plan.moreMoments,
  ]);

type Causes = Pick<RestorePlan, 'moments' | 'moreMoments'>;

export function consentTo(input: PlanInput, kinds: LossKind[], plan: Causes & Pick<RestorePlan, 'outcome'>): Consent {
  const digest = input.digestOf(lossDigestSource(input, kinds, plan));
  const keys = kinds.reduce((sum, kind) => sum + lostKeys(kind, plan), 0);
  return { digest, token: lossToken(digest, keys), accepted: isAccepted(input.options?.acceptLoss, digest, keys) };
}

/** What it costs; where that cannot be told, all that stands there. */
function lostKeys(kind: LossKind, { outcome, moments }: Pick<RestorePlan, 'outcome' | 'moments'>): number {
  const { all } = outcome;
  if (kind === 'untold' || kind === 'unforeseen') return all.inRedisNow ?? 0;
  if (kind === 'nothing') return Math.max(all.inRedisNow ?? 0, all.inBackup, inLog(moments));
  const { before, after } = comparedBy(kind, { outcome, moments });
  return Math.max(0, before - after);
}

/** The two numbers of a kind that has some. */
function comparedBy(kind: LossKind, { outcome, moments }: Pick<RestorePlan, 'outcome' | 'moments'>) {
  const [against, name] = kind.split(' of ');
  const { inRedisNow = 0, inBackup, afterRestore } = outcome.classes.find((one) => one.name === name) ?? outcome.all;
  const before = against === 'now' ? inRedisNow : against === 'log' ? inLog(moments, name) : inBackup;
  return { name, before, after: afterRestore?.atMost ?? 0 };
}

export function plannedLoss(input: PlanInput, plan: Causes & Pick<RestorePlan, 'outcome'>): PlannedLoss | undefined {
  const kinds = lossKinds(input, plan);
  if (kinds.length === 0) return undefined;
  return { kinds, ...consentTo(input, kinds, plan), phrase: phraseOf(input.name, kinds, plan) };
}

/**
 * Of a log that was not tried: less than half stands there now, of what stood there before or of what the backup has. @returns
 * nothing where somebody has accepted what comes
 */
export function unforeseenLoss(plan: RestorePlan, { keys }: KeysAfter): Pick<Refusal, 'message' | 'next'> | undefined {
  const { name: instance, unforeseen, loss, outcome, functionsInBackup } = plan;
  if (!unforeseen || unforeseen.accepted || loss?.accepted) return undefined;
  const { inRedisNow = 0, inBackup } = outcome.all;
  const isEmpty = keys === 0 && functionsInBackup === 0;
  if (!isEmpty && keys >= inRedisNow * HALF && keys >= inBackup * HALF) return undefined;
  const options = { ...plan.consents, noRehearsal: true, acceptLoss: unforeseen.token };
  // exactly: Redis has been started anew since, and with it its log
  const meant = commandToRestore({ instance, ...exactSource(plan), isLive: plan.strategy === 'live', options });
  return {
    message: `${instance} was left with ${formatCountOf(keys, 'key')} after the log, which nobody had tried: it held ${formatCount(inRedisNow)} before, and the backup has ${formatCount(inBackup)}`,
    next: `If that is what is wanted: \`${meant} --yes\`.`,
  };
}

/** Says the loss itself: who types a name has not read what it costs. */
function phraseOf(instance: string, [kind]: LossKind[], plan: Pick<RestorePlan, 'outcome' | 'moments'>): string {
  if (kind === 'nothing') return `leave ${instance} empty`;
  if (kind === 'untold' || kind === undefined) return `lose what cannot be told of ${instance}`;
  const { name, before, after } = comparedBy(kind, plan);
  return `lose ${formatCount(before - after)} ${name === undefined ? 'keys' : classInWords(name)} of ${instance}`;
}

/** Nobody may find out afterwards. */
export function lossRefusal(input: PlanInput, plan: RestorePlan): Refusal | undefined {
  const { loss, outcome, moments, log } = plan;
  if (!loss || loss.accepted) return undefined;
  const { name: instance, options } = input;
  const isLive = plan.strategy === 'live';
  const worst = worstMoment(moments);
  const causes = moments.length === 0 ? '' : `; the log has ${listed(moments, plan.moreMoments)}`;
  const other = worst
    ? `To have ${worst.command} undone: ${undoOf(plan, worst)}.`
    : `Choose another backup${log ? ' or moment' : ''} (\`redis-backup list ${instance}\`).`;
  const what = plan.aofBackup ? { aofBackup: plan.backupId } : { backupId: plan.backupId, ...(log ? { until: log.until } : {}) };
  const meant = commandToRestore({ instance, ...what, isLive, options: { ...options, acceptLoss: loss.token } });
  return refuse(
    'RESTORE_LOSS',
    `${sentence(instance, loss, outcome, plan)}${causes}`,
    `${other} If the loss is meant: \`${meant} --yes\`.`,
  );
}

function sentence(instance: string, { kinds }: PlannedLoss, { all, classes }: RestorePlan['outcome'], plan: RestorePlan): string {
  const [kind] = kinds;
  if (kind === 'untold')
    return `what ${instance} would hold cannot be told: the log was not rehearsed (${plan.outcome.why}), and it takes much away`;
  if (kind === 'nothing') {
    const expired = plan.log || all.inBackup === 0 ? '' : ', and every one has expired by now';
    const there = all.inRedisNow ? `, which holds ${formatCountOf(all.inRedisNow, 'key')} now` : '';
    return `${instance}${there} would end empty: backup ${plan.backupId} holds ${all.inBackup === 0 ? 'no keys' : formatCountOf(all.inBackup, 'key')}${expired}${plan.log ? ', and nothing is left of it after the log' : ''}`;
  }
  const parts = kinds.map((one) => {
    const [against, name] = one.split(' of ');
    const { inRedisNow = 0, inBackup, afterRestore } = classes.find((counted) => counted.name === name) ?? all;
    const before = {
      now: `the ${formatCount(inRedisNow)} that it holds now`,
      log: `the ${formatCount(inLog(plan.moments, name))} that the log ${name === undefined ? 'had' : 'took away at once'}`,
    }[against ?? ''];
    const after = afterRestore ? formatBounds(afterRestore) : 'unknown';
    return `${after} ${name === undefined ? (after === '1' ? 'key' : 'keys') : classInWords(name)} of ${before ?? `the ${formatCount(inBackup)} in the backup`}`;
  });
  return `${instance} would be left with less than half: ${parts.join(', ')}`;
}

/** The one whose undoing brings most back; of equals the first. */
export const worstMoment = (moments: readonly PlannedMoment[]): PlannedMoment | undefined =>
  moments.reduce<PlannedMoment | undefined>((worst, one) => (worst && tookOf(worst) >= tookOf(one) ? worst : one), undefined);

const tookOf = ({ keysBefore, keysAfter }: PlannedMoment): number =>
  keysBefore === undefined || keysAfter === undefined ? 0 : keysBefore - keysAfter;

const NAMED = 3;

function listed(moments: readonly PlannedMoment[], moreMoments: number): string {
  const most = [...moments].sort((a, b) => tookOf(b) - tookOf(a)).slice(0, NAMED);
  const worst = moments.filter((one) => most.includes(one));
  const more = moments.length + moreMoments - worst.length;
  const named = worst.map((one) => `${one.command} ${atWhen(one)}${tookText(one)}`);
  return `${named.join(', ')}${more > 0 ? `, and ${formatCount(more)} more` : ''}`;
}

/** Said of every restore, whatever stands there: who typed `--yes` has seen no plan. */
export function momentWarnings(plan: RestorePlan): string[] {
  const { moments, moreMoments } = plan;
  const worst = worstMoment(moments);
  if (!worst) return [];
  return [
    `the log that was replayed has ${listed(moments, moreMoments)}; to have ${worst.command} undone: ${undoOf(plan, worst)}`,
  ];
}

/** A copied log does not say when: only until when it was copied. */
export const whenOf = ({ atMs, sinceMs, place }: PlannedMoment): string =>
  `${place ? 'before ' : ''}${passedText(atMs, sinceMs)}`;

/** The same within a sentence. */
export const atWhen = (one: PlannedMoment): string => `${one.place || one.sinceMs !== undefined ? '' : 'at '}${whenOf(one)}`;

/** `, which took 2,000 of 2,000 keys (sessions 2,000)`. */
export function tookText({ keysBefore, keysAfter, took }: PlannedMoment): string {
  if (keysBefore === undefined || keysAfter === undefined) return '';
  const byClass = (took ?? []).filter(({ keys }) => keys > 0).map(({ name, keys }) => `${name} ${formatCount(keys)}`);
  return `, which took ${formatCount(keysBefore - keysAfter)} of ${formatCountOf(keysBefore, 'key')}${byClass.length > 0 ? ` (${byClass.join(', ')})` : ''}`;
}
