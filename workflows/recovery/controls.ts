import { CancellationScope, condition, setHandler, workflowInfo } from '@temporalio/workflow';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import { type Question, RUNBOOK_STEPS, STEP_IDS, type StepId } from '../../model/recovery/runbook.ts';
import {
  abortUpdate,
  approveRecoveryUpdate,
  checkApproval,
  checkConduct,
  checkExtension,
  checkStep,
  extendUpdate,
  holdUpdate,
  RECOVERY_MESSAGE_EXAMPLES,
  type ReasonMessage,
  refused,
  resumeUpdate,
  type StepMessage,
  skipStepUpdate,
} from './control-messages.ts';

/** A person wants the recovery to end. What the lock can put back it does. */
export class Aborted extends Error {
  override readonly name = 'Aborted';
}

/** Between looks while it is held: more rarely the longer it lasts, or the history of a held week-end would be full. */
const LEAST_HELD_MS = 30_000;
const MOST_HELD_MS = 30 * 60_000;

export type Decision = RecoveryReport['decisions'][number];

type Answer = Pick<Decision, 'answer' | 'by' | 'note'>;

/** What people may do while a recovery runs, and what they have done. Every message is checked before it changes anything. */
export class Controls {
  readonly decisions: Decision[] = [];
  #question: { question: Question; answer?: Answer } | undefined;
  #held: ReasonMessage | undefined;
  #aborted: ReasonMessage | undefined;
  /** What ends when the recovery is aborted. */
  #scope: CancellationScope | undefined;
  #extraMinutes = 0;
  readonly #refused = new Map<string, 'declined' | 'nobody answered'>();
  readonly #skipped = new Map<StepId, StepMessage>();
  readonly #running = new Map<StepId, CancellationScope>();
  readonly #page: ControlledPage;

  /** Call before the first await: a message that comes before its handler is refused. */
  constructor(page: ControlledPage) {
    this.#page = page;
    this.#handleAnswers();
    this.#handleConduct();
  }

  get extraMs(): number {
    return this.#extraMinutes * 60_000;
  }
  get abortedBy(): ReasonMessage | undefined {
    return this.#aborted;
  }
  /** How a question of this plan was answered, unless with yes. */
  refused(plan: string, question: string): 'declined' | 'nobody answered' | undefined {
    const declined = this.decisions.some((one) => one.question === question && one.answer === 'declined');
    return declined ? 'declined' : this.#refused.get(plan);
  }
  skippedBy = (step: StepId): StepMessage | undefined => this.#skipped.get(step);

  /** Before each thing that changes something: waits while it is held. @throws Aborted */
  async mayGoOn(whileHeld: () => Promise<void> = async () => undefined): Promise<void> {
    const since = Date.now();
    while (this.#held && !this.#aborted) {
      const summary = `held by ${this.#held.by}: ${this.#held.reason}`.slice(0, 200);
      const pause = Math.min(MOST_HELD_MS, Math.max(LEAST_HELD_MS, (Date.now() - since) / 10));
      if (await condition(() => !this.#held || this.#aborted !== undefined, pause, { summary })) break;
      await whileHeld();
    }
    if (this.#aborted) throw new Aborted(this.#aborted.reason);
  }

  /** Runs what an abort may end at once. What changes something is given a moment to be finished. */
  async unlessAborted<T>(body: () => Promise<T>): Promise<T> {
    if (this.#aborted) throw new Aborted(this.#aborted.reason); // while nothing was there to be ended
    const scope = new CancellationScope();
    this.#scope = scope;
    try {
      return await scope.run(body);
    } catch (error) {
      const { abortedBy } = this;
      if (abortedBy) throw new Aborted(abortedBy.reason);
      throw error;
    }
  }

  /** Runs a step that a person may skip at any time. `undefined`: it was skipped. */
  async skippable<T>(step: StepId, body: () => Promise<T>): Promise<T | undefined> {
    if (this.#skipped.has(step)) return undefined;
    const scope = new CancellationScope();
    this.#running.set(step, scope);
    try {
      return await scope.run(body);
    } catch (error) {
      if (this.#skipped.has(step)) return undefined;
      throw error;
    } finally {
      this.#running.delete(step);
    }
  }

  /** Asks, and waits until somebody answers or the time is over; at least so long. */
  async ask(question: Question, limitMs: number): Promise<'approved' | 'declined' | 'nobody answered'> {
    const open: { question: Question; answer?: Answer } = { question: { ...question, plan: planOfThisRun(question.plan) } };
    this.#question = open;
    this.#page.asks(open.question);
    try {
      await condition(() => open.answer !== undefined || this.#aborted !== undefined, Math.max(1, limitMs), {
        summary: `asked: ${question.text}`.slice(0, 200),
      });
    } finally {
      this.#question = undefined; // also when the step is skipped, or all is aborted: nobody is asked for what is not done
      this.#page.asks(undefined);
    }
    const answer: Answer = open.answer ?? { answer: 'nobody answered' };
    this.decisions.push({ question: question.text, ...answer });
    if (answer.answer !== 'approved') this.#refused.set(question.plan, answer.answer);
    if (this.#aborted) throw new Aborted(this.#aborted.reason);
    return answer.answer;
  }

  #handleAnswers(): void {
    setHandler(
      approveRecoveryUpdate,
      ({ by, note, decline }) => {
        const open = this.#question;
        const answer = decline ? 'declined' : 'approved';
        if (open) open.answer = { answer, by, ...(note ? { note } : {}) };
        this.#page.asks(undefined); // at once: nobody is asked for what is answered
        this.#page.note(`${by} ${answer}: ${open?.question.text ?? ''}`);
        return `${answer} by ${by}`;
      },
      {
        description: `Answers the question of the page. JSON: ${RECOVERY_MESSAGE_EXAMPLES.approve}`,
        validator: (message) => {
          checkApproval(message);
          const open = this.#question;
          if (!open || open.answer) throw refused('nothing is asked now', 'Look at the page: it says when you are asked.');
          if (open.question.plan !== message.plan) {
            throw refused(
              `plan "${message.plan}" is not what is asked now`,
              `Read the question again, and approve plan "${open.question.plan}".`,
            );
          }
        },
      },
    );
    setHandler(
      skipStepUpdate,
      (message: StepMessage) => {
        const { step, by, reason } = message;
        this.#skipped.set(step, message);
        this.#running.get(step)?.cancel();
        this.#page.note(`${by} skips "${RUNBOOK_STEPS[step].title}": ${reason}`);
        return `${step} is skipped`;
      },
      {
        description: `Leaves a step out. JSON: ${RECOVERY_MESSAGE_EXAMPLES.skipStep}`,
        validator: (message: StepMessage) => {
          checkStep(message);
          const step: StepId = message.step;
          const skippable = STEP_IDS.filter((id) => RUNBOOK_STEPS[id].skippable).join(', ');
          if (!STEP_IDS.includes(step)) throw refused(`there is no step "${step}"`, `These can be skipped: ${skippable}.`);
          if (!RUNBOOK_STEPS[step].skippable)
            throw refused(`step ${step} cannot be skipped: what follows needs it`, `These can: ${skippable}.`);
          if (!['todo', 'doing'].includes(this.#page.stateOf(step)))
            throw refused(`step ${step} is over`, 'Nothing is left to skip.');
          if (this.#isUnderWay(step))
            throw refused(
              `step ${step} has begun: half of it would be worse than all of it`,
              'Update `hold` stops before the next step, `abort` ends the recovery after this one.',
            );
        },
      },
    );
  }

  /** It changes something at this moment, and no question of it stands any more. */
  #isUnderWay = (step: StepId): boolean =>
    RUNBOOK_STEPS[step].destructive && this.#page.stateOf(step) === 'doing' && !this.#running.has(step);

  #handleConduct(): void {
    const ended = () => {
      if (this.#aborted) throw refused('the recovery is being aborted', 'Wait for its end.');
    };
    setHandler(
      holdUpdate,
      (message) => {
        this.#held = message;
        this.#page.holds(message);
        return 'held: nothing more is done, what runs is finished, Redis is watched';
      },
      {
        description: `Stops doing, keeps watching. JSON: ${RECOVERY_MESSAGE_EXAMPLES.runner}`,
        validator: (message) => {
          checkConduct('hold', message);
          ended();
          if (this.#held) throw refused(`it is held already, by ${this.#held.by}`, 'Go on with update `resume`.');
        },
      },
    );
    setHandler(
      resumeUpdate,
      ({ by, reason }) => {
        this.#held = undefined;
        this.#page.holds(undefined);
        this.#page.note(`${by} lets it go on: ${reason}`);
        return 'it goes on';
      },
      {
        description: `Goes on after \`hold\`. JSON: ${RECOVERY_MESSAGE_EXAMPLES.runner}`,
        validator: (message) => {
          checkConduct('resume', message);
          if (!this.#held) throw refused('it is not held', 'Nothing has to be resumed.');
        },
      },
    );
    setHandler(
      abortUpdate,
      (message) => {
        this.#aborted = message;
        this.#page.note(`${message.by} aborts: ${message.reason}`);
        this.#scope?.cancel();
        for (const scope of this.#running.values()) scope.cancel();
        return 'aborting: what has begun has 3 s to finish, nothing else begins, and what can be put back is';
      },
      {
        description: `Ends the recovery. JSON: ${RECOVERY_MESSAGE_EXAMPLES.runner}`,
        validator: (message) => {
          checkConduct('abort', message);
          ended();
        },
      },
    );
    setHandler(
      extendUpdate,
      ({ minutes, by, reason }) => {
        this.#extraMinutes += minutes;
        this.#page.note(`${by} watches ${minutes} minutes longer: ${reason}`);
        for (const step of ['sessions', 'warmup'] as const) this.#running.get(step)?.cancel(); // begun anew, with the new limit
        return `watched ${this.#extraMinutes} minutes longer than configured`;
      },
      {
        description: `Watches sign-ins and hit rate longer. JSON: ${RECOVERY_MESSAGE_EXAMPLES.extendMonitoring}`,
        validator: (message) => {
          checkExtension(message);
          if (['sessions', 'warmup'].every((step) => !['todo', 'doing'].includes(this.#page.stateOf(step as StepId)))) {
            throw refused('nothing is watched any more', 'Start another recovery to watch again.');
          }
        },
      },
    );
  }
}

/** The same findings in a later incident are another plan: an old answer is none to what is asked then. */
/** Tells one run from the next of the same name. The end: run ids begin with the time, and two within a minute begin alike. */
export const shortRunId = (runId: string): string => runId.slice(-8);

const planOfThisRun = (plan: string): string => `${shortRunId(workflowInfo().runId)}/${plan}`;

/** What the controls write on the page. */
export interface ControlledPage {
  note(text: string): void;
  asks(question: Question | undefined): void;
  holds(held: ReasonMessage | undefined): void;
  stateOf(step: StepId): string;
}
