import type { PlannedAction } from '../../model/recovery/actions.ts';
import type { Assessment, RecoveryReport } from '../../model/recovery/recovery.ts';
import { withoutStop } from '../../model/recovery/text.ts';
import { assess, type LockedRun, softly } from './run.ts';

/** While it is held Redis is watched, and a look that fails ends nothing. */
export const heldOrGoOn = (run: LockedRun): Promise<void> =>
  run.controls.mayGoOn(() => softly(run.page, 'a look', assess(run)).then(() => undefined));

/** How each question was answered. */
export type Answers = Map<string, RecoveryReport['decisions'][number]['answer']>;

type Allowed = 'go' | 'approved' | 'skip' | 'stop';

/**
 * @param answers - of this assessment: a question that stands for several actions is asked once
 * @param what - is allowed: a yes to a restart is none to kill -9
 */
export async function mayDo(
  run: LockedRun,
  { digest, settings, instance, actions }: Assessment,
  { action: name, text, ask }: PlannedAction,
  answers: Answers,
  what: string = name,
): Promise<Allowed> {
  if (!ask) return 'go';
  const { page, controls } = run;
  const { question, otherwise } = ask;
  const plan = `${digest}/${what}`;
  const unanswered = {
    skip: 'it is left undone',
    proceed: `${withoutStop(actions.findLast((one) => one.ask?.question === question)?.text ?? text)}, all the same`,
    stop: `${instance} stays as it is`,
  };
  const answerBy = new Date(Date.now() + settings.askForMs).toISOString();
  const asked = { plan, text: question, answerBy, otherwise: unanswered[otherwise] };
  // Who has said no, or is asleep, is not asked the same thing again and again.
  const before = answers.get(question) ?? controls.refused(plan, question);
  const answer = before ?? (await controls.ask(asked, settings.askForMs));
  answers.set(question, answer);
  if (!before) page.note(`${question} ${answer}`);
  await heldOrGoOn(run);
  if (answer === 'approved') return 'approved';
  if (answer === 'declined') return otherwise === 'skip' ? 'skip' : 'stop';
  return ({ skip: 'skip', proceed: 'go', stop: 'stop' } as const)[otherwise];
}
