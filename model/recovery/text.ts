import { formatCount, formatDuration } from '../format.ts';
import { CONNECTIONS_REFUSED } from './failure-classes/row.ts';
import { FAILURE_CLASSES, type FailureClass } from './failure-classes.ts';
import type { Assessment, DataDecision, RecoveryReport } from './recovery.ts';
import { type Question, RUNBOOK_STEPS, type RunbookStatus } from './runbook.ts';
import { besideSuccessor } from './successor.ts';

/** A recovery in a few sentences: what clients get, what it was, what was lost, what is left to do. */
export function summaryOf(report: RecoveryReport, aborted?: { by: string; reason: string }): string {
  const { instance, failure, serving, promoted, outcome, keptAside, data, restored, warmup, authentication, toDo } = report;
  const service = {
    serving: serving ? `${instance} ${servesText(serving)}.` : `${instance} serves.`,
    'serving-elsewhere': `${promoted} serves the data of ${instance}.`,
    'not-serving': notServing(instance, failure),
    aborted: `Aborted by ${aborted?.by ?? 'a person'}: ${aborted?.reason ?? ''}.${serving ? ` ${instance} serves.` : ''}`,
  }[outcome];
  const sentences = [
    service,
    ...(report.earlier ?? []).map((one) => `${withoutStop(one)}.`),
    isWell(failure) ? '' : `Found: ${FAILURE_CLASSES[failure].title}.`,
    ...(serving?.warnings ?? []).map((warning) => `${withoutStop(warning)}.`),
    keptAside ? `${keptText(failure)} kept in ${keptAside.directory}.` : '',
    data ? `${capital(lossText(data, restored))}.` : '',
    authentication ? `${capital(authentication.text)}.` : '',
    warmup ? `Hit rate: ${warmup.text}.` : '',
    toDo.length > 0 ? `To do: ${toDo.map(withoutStop).join('; ')}.` : NOTHING_LEFT[outcome === 'aborted' ? 'aborted' : 'ended'],
  ];
  return sentences
    .filter(Boolean)
    .map((sentence) => sentence.replace(/\.{2,}$/, '.'))
    .join(' ');
}

function servesText({ servedAt, secondsFromStart, anew }: NonNullable<RecoveryReport['serving']>): string {
  const first = `${servedAt.slice(11, 19)} UTC, ${formatDuration(secondsFromStart * 1000)} after the recovery began`;
  return anew
    ? `served at ${first}, and serves since ${anew.at.slice(11, 19)} UTC, after ${anew.by} had stopped it`
    : `serves since ${first}`;
}

const isWell = (failure: FailureClass): boolean => {
  const { serves, explains } = FAILURE_CLASSES[failure];
  return serves === 'yes' && explains === 'none';
};

/** Whoever aborts has not let it look. */
const NOTHING_LEFT = { ended: 'Nothing is left to do.', aborted: 'What is left to do was not looked at.' } as const;

/** Some of these answer reads, or whoever is connected already. */
function notServing(instance: string, failure: FailureClass): string {
  const { clients } = FAILURE_CLASSES[failure];
  return clients === CONNECTIONS_REFUSED
    ? `${instance} does not serve.`
    : `${instance} does not serve as it should: ${withoutStop(lower(clients))}.`;
}

/** Copies of what a restart would change, or what was moved out of the way. */
const keptText = (failure: FailureClass): string =>
  FAILURE_CLASSES[failure].filesStay ? 'A copy of its files is' : 'Damaged files are';

function lossText(data: DataDecision, restored: RecoveryReport['restored']): string {
  if (!restored) return data.text;
  const there = (kept: number) => (kept > 0 ? ` (${formatCount(kept)} were there)` : '');
  const back = restored.map(({ name, restored: keys, kept }) => `${formatCount(keys)} ${name}${there(kept)}`).join(', ');
  return `${withoutStop(data.text)}; brought back: ${back}`;
}

/** Sentences that become parts of others. */
export const withoutStop = (text: string): string => text.replace(/\.+$/, '');

export const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

const lower = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1);

const MARKS = { todo: ' ', doing: '>', done: '+', failed: '!', skipped: '-' } as const;
const WIDEST_TITLE = Math.max(...Object.values(RUNBOOK_STEPS).map(({ title }) => title.length));

/** The page of a recovery for a terminal: the same first lines as in the Web UI. @param running - what the step says of itself */
export function runbookText(status: RunbookStatus, running?: string): string {
  const { instance, clients, question, needs, outcome, summary, now, held, worstLoss, changed, applications, steps } = status;
  const you = question ? askedOf(instance, question) : (needs ?? 'nothing to do');
  const lines = [
    `${instance}: ${clients}`,
    `you        ${you}`,
    `${outcome ? 'ended     ' : 'now       '} ${summary ?? now}${running && !outcome ? ` (${running})` : ''}`,
    ...(held ? [`held       by ${held.by}: ${held.reason}; go on: redis-backup recover ${instance} --resume REASON`] : []),
    `at worst   ${worstLoss}`,
    `changed    ${changed.length > 0 ? changed.join('; ') : 'nothing seen'}`,
    `apps       ${applications.length > 0 ? applications.join(', ') : 'none configured'}`,
    ...(outcome ? [] : [`stop       redis-backup recover ${instance} --hold REASON`]),
    '',
  ];
  const rows = steps.map(({ step, state, seconds, note }) => {
    const took = seconds === undefined ? '' : `${seconds} s`;
    return `${MARKS[state]} ${RUNBOOK_STEPS[step].title.padEnd(WIDEST_TITLE)} ${took.padStart(8)}  ${note ?? ''}`.trimEnd();
  });
  return [...lines, ...rows].join('\n');
}

/**
 * The same where nothing can be drawn anew (a pipe, a file, a log of a job): each line is written when it is new. What changes each second
 * is no part of them.
 */
export function runbookLines(status: RunbookStatus): string[] {
  const { instance, clients, question, needs, steps, notes } = status;
  const lines = steps.flatMap(({ step, state, seconds, note }) => {
    if (state === 'todo') return [];
    const took = seconds === undefined || state === 'doing' ? '' : ` in ${seconds} s`;
    return [`${RUNBOOK_STEPS[step].title}: ${state}${took}${note && state !== 'doing' ? `, ${note}` : ''}`];
  });
  return [
    `${instance}: ${clients}`,
    ...lines,
    ...notes,
    ...(question ? [askedOf(instance, question)] : needs ? [`you: ${needs}`] : []),
  ];
}

const askedOf = (instance: string, { plan, text, answerBy, otherwise }: Question): string =>
  `${text} By ${answerBy.slice(11, 19)} UTC, else: ${otherwise}\n           redis-backup recover ${instance} --approve ${plan}   (no: --decline ${plan})`;

/** What is left where nothing is to be done to Redis itself. */
const WITHOUT_ACTS = {
  others: 'touch nothing: only this worker is cut off',
  yes: 'change nothing at first: Redis serves. It would count what is missing of the data',
  no: 'change nothing at first, and wait until Redis serves',
  stranger: 'change nothing at first, and wait until Redis serves',
} as const;

/** What a dry run says. */
export function assessmentText(assessment: Assessment): string {
  const { instance, failure, evidence, clients, actions, advice, changed, worstLoss, restartHelps, successor } = assessment;
  return [
    `${instance}: ${FAILURE_CLASSES[failure].title}`,
    ...evidence.map((one) => `  seen: ${one}`),
    `  clients: ${clients}`,
    `  at worst lost: ${worstLoss}`,
    `  changed: ${changed.length > 0 ? changed.join(' ') : 'nothing seen'}`,
    `  a restart ${restartHelps ? 'helps' : 'does not help'}`,
    actions.length > 0
      ? 'a recovery would:'
      : `a recovery would ${successor ? 'change nothing' : WITHOUT_ACTS[FAILURE_CLASSES[failure].serves]}`,
    ...actions.map(({ text, ask }, index) => `  ${index + 1}. ${text}${ask ? ' (asked first)' : ''}`),
    ...[...(successor ? besideSuccessor(instance, successor) : []), ...advice].map((one) => `to do: ${one}`),
  ].join('\n');
}

/** A recovery that has ended. */
export function reportText(report: RecoveryReport): string {
  const { summary, actionsDone, decisions, applications, forecast, toDo } = report;
  return [
    summary,
    ...actionsDone.map((one) => `  done: ${one}`),
    ...decisions.map(({ question, answer, by }) => `  asked: ${question} ${answer}${by ? ` by ${by}` : ''}`),
    ...applications.map(({ name, verdict, detail }) => `  application ${name}: ${verdict}, ${detail}`),
    ...(forecast ? [`  sign-ins: ${forecast.text}`] : []),
    ...toDo.map((one) => `to do: ${one}`),
  ].join('\n');
}
