import {
  ActivityFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineUpdate,
  isCancellation,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { ArchiveInput, ArchiveStatus } from '../model/archiving.ts';
import { SEARCH_ATTRIBUTES } from '../model/operations.ts';
import { failure } from './failures.ts';
import { CHECKS, checkInput } from './inputs.ts';
import { act } from './steps.ts';

export const archiveStatusQuery = defineQuery<ArchiveStatus>('status');
export const detachUpdate = defineUpdate<ArchiveStatus, [{ by: string }]>('detach');
export const attachUpdate = defineUpdate<ArchiveStatus, [{ by: string }]>('attach');

/** How long it waits after a failure that no retry can mend, such as a wrong password: somebody may mend that. */
const TROUBLE_PAUSE = '1 minute';

/**
 * Follows the replication stream of one instance for ever, outside of its lock. Whoever changes that Redis detaches it first
 * and has `attach` on the undo list, so that it never takes a starting or half-restored server for a base.
 */
export async function archiveContinuously(input: ArchiveInput): Promise<void> {
  checkInput('archiveContinuously', input, { instance: CHECKS.instance }, { detachedBy: CHECKS.text });
  const archiver = new Archiver(input);
  await archiver.run();
  await condition(allHandlersFinished);
  await continueAsNew<typeof archiveContinuously>(archiver.input);
}

class Archiver {
  readonly #status: ArchiveStatus;
  #stay: CancellationScope | undefined;

  constructor({ instance, detachedBy }: ArchiveInput) {
    this.#status = { instance, phase: 'follow', ...(detachedBy ? { detachedBy } : {}) };
    const validator = (message: { by: string }): void => {
      if (!message?.by) throw failure('USAGE', 'by is required', 'Say who asks, for example {"by":"ann"}.');
    };
    setHandler(archiveStatusQuery, () => this.#status, { description: 'Whether it follows, and what it stored last.' });
    setHandler(detachUpdate, ({ by }) => this.#detach(by), {
      validator,
      description: 'Lets go of Redis until `attach`. JSON: {"by":"ann"}',
    });
    setHandler(attachUpdate, () => this.#attach(), { validator, description: 'Follows Redis again. JSON: {"by":"ann"}' });
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.instance]: [instance], [SEARCH_ATTRIBUTES.operation]: ['archive'] });
  }

  get input(): ArchiveInput {
    const { instance, detachedBy } = this.#status;
    return { instance, ...(detachedBy ? { detachedBy } : {}) };
  }

  /** Until the history is long enough to begin a new one. Stays end within about an hour, so that comes soon after. */
  async run(): Promise<void> {
    while (!workflowInfo().continueAsNewSuggested) {
      if (this.#status.detachedBy === undefined) await this.#follow();
      else {
        this.#enter('detached', `Let go of Redis for ${this.#status.detachedBy}. Nothing is archived meanwhile.`);
        await condition(() => this.#status.detachedBy === undefined);
      }
    }
  }

  async #follow(): Promise<void> {
    const { instance } = this.#status;
    this.#enter('follow', 'Every write is stored within seconds. What happens now is in the heartbeat of `followStream`.');
    this.#stay = new CancellationScope();
    const tidied = this.#tidy();
    try {
      this.#status.last = await this.#stay.run(() =>
        act('followStream', { instance }, { summary: `follow ${instance} and store what it writes` }),
      );
      delete this.#status.trouble;
    } catch (error) {
      if (this.#status.detachedBy !== undefined) return; // asked to leave, and has left
      if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
      this.#status.trouble = error.cause?.message ?? error.message;
    } finally {
      this.#stay = undefined;
      await tidied;
    }
    if (this.#status.trouble === undefined) return;
    this.#enter('trouble', `${this.#status.trouble} It is tried again each minute; nothing is archived meanwhile.`);
    await condition(() => this.#status.detachedBy !== undefined, TROUBLE_PAUSE);
  }

  /** Beside the stay, at its begin: once an hour. The log is kept whether that works or not. */
  async #tidy(): Promise<void> {
    const { instance } = this.#status;
    try {
      await act('compactArchive', { instance }, { summary: `join small segments of ${instance} that are old` });
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
    }
  }

  async #detach(by: string): Promise<ArchiveStatus> {
    this.#status.detachedBy = by;
    this.#stay?.cancel();
    await condition(() => this.#stay === undefined);
    return this.#status;
  }

  #attach(): ArchiveStatus {
    delete this.#status.detachedBy;
    return this.#status;
  }

  #enter(phase: ArchiveStatus['phase'], text: string): void {
    this.#status.phase = phase;
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.phase]: [phase] });
    setCurrentDetails(`**archive of ${this.#status.instance}: ${phase}**\n\n${text}`);
  }
}
