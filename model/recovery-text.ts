import { FAILURE_CLASSES } from './failure-class.ts';
import { formatCount, formatDuration } from './format.ts';
import type { DataDecision, RecoveryReport } from './recovery.ts';

/** A recovery in a few sentences: what clients get, what it was, what was lost, what is left to do. */
export function summaryOf(report: RecoveryReport, aborted?: { by: string; reason: string }): string {
  const { instance, failure, serving, promoted, outcome, keptAside, data, restored, warmup, authentication, toDo } = report;
  const service = {
    serving: serving
      ? `${instance} serves since ${serving.servedAt.slice(11, 19)} UTC, ${formatDuration(serving.secondsFromStart * 1000)} after the start.`
      : `${instance} serves.`,
    'serving-elsewhere': `${promoted} serves the data of ${instance}.`,
    'not-serving': `${instance} does not serve.`,
    aborted: `Aborted by ${aborted?.by ?? 'a person'}: ${aborted?.reason ?? ''}.${serving ? ` ${instance} serves.` : ''}`,
  }[outcome];
  const sentences = [
    service,
    `${capital(FAILURE_CLASSES[failure].title)}.`,
    keptAside ? `Damaged files are kept in ${keptAside.directory}.` : '',
    data ? `${capital(lossText(data, restored))}.` : '',
    authentication ? `${capital(authentication.text)}.` : '',
    warmup ? `Hit rate: ${warmup.text}.` : '',
    toDo.length > 0 ? `To do: ${toDo.join('; ')}.` : 'Nothing is left to do.',
  ];
  return sentences
    .filter(Boolean)
    .map((sentence) => sentence.replace(/\.\.$/, '.'))
    .join(' ');
}

function lossText(data: DataDecision, restored: RecoveryReport['restored']): string {
  if (!restored) return data.text;
  const back = restored.map(({ name, restored: keys }) => `${formatCount(keys)} ${name}`).join(', ');
  return `${data.text}; brought back: ${back}`;
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
