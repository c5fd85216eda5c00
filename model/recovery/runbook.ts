import { named } from '../deployment.ts';
import { WORKFLOW_IDS } from '../workflow-ids.ts';
/** The steps of a recovery, in order. What a person reads of each, and what they may do with it. */
export const RUNBOOK_STEPS = {
  assess: { title: 'Assess', criterion: 'the kind of failure is known', destructive: false, skippable: false },
  lock: {
    title: 'Wait for other operations',
    criterion: 'nothing else changes this Redis',
    destructive: false,
    skippable: false,
  },
  protect: {
    title: 'Protect what is left',
    criterion: 'replicas and damaged files are out of harm',
    destructive: true,
    skippable: false,
  },
  restart: { title: 'Restart', criterion: 'the process is there, where a restart helps', destructive: true, skippable: true },
  serving: {
    title: 'Serving',
    criterion: 'loaded, a primary, a read and a write answered',
    destructive: false,
    skippable: false,
  },
  connectivity: {
    title: 'Applications connect',
    criterion: 'every application is at work with Redis',
    destructive: false,
    skippable: true,
  },
  data: {
    title: 'Data decision',
    criterion: 'expected sessions are there, or it is decided',
    destructive: false,
    skippable: true,
  },
  restore: {
    title: 'Bring lost keys back',
    criterion: 'every key is back, kept, expired or named',
    destructive: true,
    skippable: true,
  },
  aftercare: {
    title: 'Snapshot and log again',
    criterion: 'a new backup, and the archiver follows',
    destructive: false,
    skippable: true,
  },
  sessions: {
    title: 'Watch sign-ins',
    criterion: 'authentication requests are back to normal',
    destructive: false,
    skippable: true,
  },
  warmup: { title: 'Watch hit rate', criterion: 'as warm as before', destructive: false, skippable: true },
} as const satisfies Record<string, { title: string; criterion: string; destructive: boolean; skippable: boolean }>;

export type StepId = keyof typeof RUNBOOK_STEPS;
export const STEP_IDS = Object.keys(RUNBOOK_STEPS) as StepId[];

export type StepState = 'todo' | 'doing' | 'done' | 'failed' | 'skipped';

export interface RunbookStep {
  step: StepId;
  state: StepState;
  /** ISO 8601. */
  startedAt?: string;
  seconds?: number;
  /** What was seen or done, in one short sentence. */
  note?: string;
}

/** What a person is asked. */
export interface Question {
  /** Named by `approve`: nobody approves something else than what they read. */
  plan: string;
  text: string;
  /** ISO 8601. At least: it is decided on state and not on the clock alone. */
  answerBy: string;
  /** What happens when nobody answers. */
  otherwise: string;
}

/** Answer of query `status` of `recoverRedis`: the page, for machines and for the command. */
export interface RunbookStatus {
  instance: string;
  deployment?: string;
  startedAt: string;
  /** What clients get now, and since when. */
  clients: string;
  question?: Question;
  /** What only a person can do, or is left to one. */
  needs?: string;
  /** What runs, and how long it still takes. */
  now: string;
  /** The worst-case loss as a number, age of the last backup, lag of the log at the failure. */
  worstLoss: string;
  changed: string[];
  applications: string[];
  held?: { by: string; reason: string };
  steps: RunbookStep[];
  /** The last sentences, newest last: what was seen and decided. */
  notes: string[];
  outcome?: string;
  /** In place of `now` when it has ended. */
  summary?: string;
}

const MARKS: Record<StepState, string> = { todo: '⬜', doing: '⏳', done: '✅', failed: '❌', skipped: '⏭️' };
/** The Web UI draws cells without room between them, and keeps a no-break space. */
const GAP = '\u00a0';
/** The Web UI sends the page through a URL, and proxies cut long ones. */
export const PAGE_BYTES = 2000;

/** The page of a recovery in Markdown, under PAGE_BYTES: the first lines answer what a woken person asks, in that order. */
export function renderRunbook(status: RunbookStatus): string {
  const full = pageOf(status, 110);
  return bytesIn(full) <= PAGE_BYTES ? full : cut(pageOf(status, 40));
}

function pageOf(status: RunbookStatus, width: number): string {
  const { instance, deployment, clients, question, needs, outcome, worstLoss, changed, applications, held, steps } = status;
  const id = named(deployment, WORKFLOW_IDS.recover(instance));
  const answer = (plan: string, no: string) =>
    `\`temporal workflow update execute -w ${id} --name approve --input '{"by":"you","plan":"${plan}"${no}}'\``;
  const lines = [
    `**${instance}: ${short(clients, 2 * width)}**`,
    '',
    question
      ? `❗ **You**: ${short(question.text, 3 * width)} By ${clock(question.answerBy)} UTC, else: ${short(question.otherwise, width)}`
      : needs
        ? `❗ **You**: ${short(needs, 3 * width)}`
        : '**You**: nothing to do.',
    question ? `Yes: ${answer(question.plan, '')}` : '',
    question ? `No: ${answer(question.plan, ',"decline":true')}` : '',
    `**${outcome ? `Ended, ${outcome}` : 'Now'}**: ${short(status.summary ?? status.now, 3 * width)}`,
    held
      ? `✋ **Held** by ${short(held.by, 30)}: ${short(held.reason, width)}. Go on: \`temporal workflow update execute -w ${id} --name resume --input '{"by":"you","reason":"…"}'\``
      : '',
    `**Loss at worst**: ${short(worstLoss, 2 * width)}`,
    changed.length > 0 ? `**Changed**: ${short(changed.join('; '), 2 * width)}` : '**Changed**: nothing seen.',
    `**Applications**: ${applications.length > 0 ? short(applications.join(', '), width) : 'none configured'}`,
    outcome
      ? ''
      : `**Stop everything**: \`temporal workflow update execute -w ${id} --name hold --input '{"by":"you","reason":"…"}'\``,
  ].filter((line, index) => line !== '' || index === 1);
  const rows = steps.map(({ step, state, startedAt, seconds, note }) => {
    const took = seconds === undefined ? '' : `${seconds}${GAP}s${GAP}`;
    return `|${MARKS[state]}${GAP}|${RUNBOOK_STEPS[step].title}${GAP}|${startedAt ? clock(startedAt) + GAP : ''}|${took}|${short(note ?? '', width)}|`;
  });
  return `${lines.join('\n\n').replace('\n\n\n\n', '\n\n')}\n\n| |step|UTC|took| |\n|-|-|-|-|-|\n${rows.join('\n')}`;
}

const clock = (iso: string): string => iso.slice(11, 19);

/** On one line, and free of what would end a table cell. */
function short(text: string, most: number): string {
  const plain = text.replace(/\s+/g, ' ').replaceAll('|', '/').trim();
  return plain.length <= most ? plain : `${plain.slice(0, most - 1)}…`;
}

/** Bytes of its UTF-8 form. The workflow sandbox has no TextEncoder that could be relied on. */
function bytesIn(text: string): number {
  let bytes = 0;
  for (const letter of text) {
    const code = letter.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

function cut(text: string): string {
  const lines = text.split('\n');
  while (bytesIn(lines.join('\n')) > PAGE_BYTES) lines.pop();
  return lines.join('\n');
}
