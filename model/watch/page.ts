import { named } from '../deployment.ts';
import { backupIdAt } from '../instance.ts';
import { WORKFLOW_IDS } from '../workflow-ids.ts';
import type { WatchMemory } from './memory.ts';
import type { SeenTwin, WatchQuestion, WatchStatus, Witness, Witnesses } from './watch.ts';

const MARKS = { serves: '✅', fails: '❌', unknown: '❔' } as const;
const WITNESSES: readonly Witness[] = ['worker', 'platform', 'application'];
const MOST = { text: 500, detail: 150 };

/** @param since - when it began, ISO 8601; the incident is called by it */
export function questionOf(instance: string, { worker }: Witnesses, since: string | undefined, nowMs: number): WatchQuestion {
  const sinceMs = since === undefined ? nowMs : Date.parse(since);
  const time = new Date(sinceMs).toISOString().slice(11, 19);
  return {
    incident: backupIdAt(sinceMs),
    text: `Redis ${instance} has failed since ${time} UTC (${worker.detail}). Start its recovery?`,
    askedAt: new Date(nowMs).toISOString(),
  };
}

/** Of a Redis that serves. */
export const besideIt = (twins: readonly SeenTwin[]): string => twins.map(({ text }) => text).join(' ');

export const declinedText = ({ by, note }: NonNullable<WatchMemory['declined']>): string =>
  `declined by ${by}${note ? ` (${note})` : ''} until it has served again`;

/** The page of a watcher in Markdown, under 2 kB: the Web UI sends it through a URL. */
export function renderWatch({ instance, deployment, phase, text, failingSince, witnesses, question }: WatchStatus): string {
  const id = named(deployment, WORKFLOW_IDS.watch(instance));
  const answer = (name: string) =>
    `\`temporal workflow update execute -w ${id} --name ${name} --input '{"by":"you","incident":"${question?.incident}"}'\``;
  const since = failingSince ? ` It fails since ${failingSince.slice(11, 19)} UTC.` : '';
  const lines = [
    `**watch of ${instance}: ${phase}**`,
    question
      ? `❗ **You**: ${short(question.text, MOST.text)}\n\nStart it: ${answer('approve')}\n\nLeave it: ${answer('decline')}`
      : `${short(text, MOST.text)}${since}`,
    ...(witnesses && failingSince ? [tableOf(witnesses)] : []),
  ];
  return lines.join('\n\n');
}

const tableOf = (witnesses: NonNullable<WatchStatus['witnesses']>): string =>
  [
    '| side | | what it says |',
    '|-|-|-|',
    ...WITNESSES.map((side) => `| ${side} | ${MARKS[witnesses[side].verdict]} | ${short(witnesses[side].detail, MOST.detail)} |`),
  ].join('\n');

/** On one line, and free of what would end a table cell. */
function short(text: string, most: number): string {
  const plain = text.replace(/\s+/g, ' ').replaceAll('|', '/').trim();
  return plain.length <= most ? plain : `${plain.slice(0, most - 1)}…`;
}
