import { SingleBar } from 'cli-progress';
import { createLogUpdate } from 'log-update';
import { failureOf, type Output, type ShownStatus, type Streams } from './output.ts';
import { percent, statusText } from './status-text.ts';
import { onceASecond, onceAStep } from './throttle.ts';

const BAR_CELLS = 24;
const FALLBACK_COLUMNS = 80;

/** For people. Progress goes to stderr, so that stdout has the result alone: one line redrawn on a terminal, else few lines. */
export function textOutput({ stdout, stderr }: Streams, now: () => number = Date.now): Output {
  const progress = stderr.isTTY ? liveLine(stderr, now) : plainLines(stderr, now);
  const page = stderr.isTTY ? redrawnPage(stderr) : newNotes(stderr);
  return {
    status: progress.show,
    page: page.show,
    note(message) {
      page.clear();
      progress.clear();
      stderr.write(`${message}\n`);
    },
    result(_, text) {
      page.clear();
      progress.clear();
      stdout.write(text.endsWith('\n') || text === '' ? text : `${text}\n`);
    },
    failure(error) {
      page.clear();
      progress.clear();
      const { code, message, next, exit } = failureOf(error);
      const label = code === 'DETACHED' ? 'detached' : 'error';
      stderr.write(`${label}: ${message}\nnext: ${next}\n`);
      if (process.env.REDIS_BACKUP_DEBUG && error instanceof Error) stderr.write(`${error.stack}\n`);
      return exit;
    },
  };
}

interface PageDisplay {
  show: Output['page'];
  /** Leaves what stands there, and begins a new one below. */
  clear(): void;
}

function redrawnPage(stderr: Streams['stderr']): PageDisplay {
  const update = createLogUpdate(stderr as NodeJS.WriteStream, { showCursor: true });
  return { show: ({ text }) => update(text), clear: () => update.done() };
}

function newNotes(stderr: Streams['stderr']): PageDisplay {
  const shown = new Set<string>();
  return {
    show({ notes }) {
      for (const note of notes.filter((one) => !shown.has(one))) stderr.write(`${note}\n`);
      for (const note of notes) shown.add(note);
    },
    clear: () => undefined,
  };
}

interface ProgressDisplay {
  show(status: ShownStatus): void;
  clear(): void;
}

function plainLines(stderr: Streams['stderr'], now: () => number): ProgressDisplay {
  const due = onceAStep(now);
  return { show: (status) => void (due(status) && stderr.write(`${statusText(status)}\n`)), clear: () => undefined };
}

function liveLine(stderr: Streams['stderr'], now: () => number): ProgressDisplay {
  const due = onceASecond(now);
  const options = { stream: stderr, clearOnComplete: true, hideCursor: true, linewrap: false, gracefulExit: false };
  let bar: SingleBar | undefined;
  return {
    show(status) {
      if (!due(status)) return;
      const line = { line: barText(status, stderr.columns ?? FALLBACK_COLUMNS) };
      if (bar) bar.update(line);
      else {
        bar = new SingleBar({ ...options, format: (_options, _params, payload) => payload.line });
        bar.start(1, 0, line);
      }
    },
    clear() {
      bar?.stop();
      bar = undefined;
    },
  };
}

/** The status with a bar in front when it is known how much there is; never wider than the terminal. */
function barText(status: ShownStatus, columns: number): string {
  const { doneBytes, totalBytes } = status;
  const text = statusText(status);
  if (doneBytes === undefined || totalBytes === undefined) return text.slice(0, columns - 1);
  const full = Math.floor((percent(doneBytes, totalBytes) * BAR_CELLS) / 100);
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_CELLS - full)}] ${text}`.slice(0, columns - 1);
}
