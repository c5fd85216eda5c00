import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { ArchiveInput, ArchiveStatus, Rpo } from '../model/archive/archiving.ts';
import { SEARCH_ATTRIBUTES } from '../model/operations.ts';
import { type AskedShard, askedName, type NamedShard } from '../model/shard.ts';
import { CHECKS, checkInput, checkMessage } from './inputs.ts';
import { runStep } from './steps/run-step.ts';

export const archiveStatusQuery = defineQuery<ArchiveStatus>('status');
/** Of activity `followStream`, which knows what the workflow can't see. */
export const rpoSignal = defineSignal<[Rpo]>('rpo');
export const detachUpdate = defineUpdate<ArchiveStatus, [{ by: string }]>('detach');
export const attachUpdate = defineUpdate<ArchiveStatus, [{ by: string }]>('attach');

/**
 * How long it waits after a failure that no retry can mend, such as a wrong password: somebody may mend that. Not long: when
 * the backlog of Redis is overrun meanwhile, there is a gap.
 */
const TROUBLE_PAUSE = '15 seconds';
const HOUR_MS = 3_600_000;
/** An archiver that was taken for dead had one segment under way. It is gone now, or will be refused in its turn. */
const REPLACED_PAUSE = '1 second';

/**
 * Follows the replication stream of one Redis for ever, outside of its lock. Whoever changes that Redis detaches it first
 * and has `attach` on the undo list, so that it never takes a starting or half-restored server for a base.
 */
export async function archiveContinuously(input: ArchiveInput): Promise<void> {
  const optional = { shard: CHECKS.shard, detachedBy: CHECKS.names, rpo: CHECKS.rpo };
  checkInput('archiveContinuously', input, { instance: CHECKS.instance }, optional);
  const archiver = new Archiver(input);
  await archiver.run();
  await condition(allHandlersFinished);
  await continueAsNew<typeof archiveContinuously>(archiver.input);
}

/** When it was so, too: the page is told once a minute while anything changes. */
const storedText = (rpo: Rpo | undefined): string =>
  rpo
    ? `\n\nAt ${rpo.asOf.slice(0, 19).replace('T', ' ')} UTC: stored up to ${rpo.storedUpTo.slice(11, 19)}, the oldest write that was not stored was ${rpo.seconds} s old.`
    : '';

class Archiver {
  readonly #status: ArchiveStatus;
  readonly #asked: AskedShard;
  #of: NamedShard | undefined;
  #text = '';
  /** Who wants it away. It comes back when the last of them lets it: a person may hold it while a restore comes and goes. */
  readonly #holders: Set<string>;
  #stay: CancellationScope | undefined;
  #tidied: Promise<void> | undefined;
  #tidiedAtMs = 0;

  constructor({ detachedBy = [], rpo, ...asked }: ArchiveInput) {
    this.#asked = asked;
    const { instance } = asked;
    this.#status = { instance: askedName(asked), phase: 'follow', ...(rpo ? { rpo } : {}) };
    this.#holders = new Set(detachedBy);
    this.#tellHolders();
    setHandler(archiveStatusQuery, () => this.#status, { description: 'Whether it follows, and what would be lost.' });
    setHandler(rpoSignal, (rpo) => void (CHECKS.rpo(rpo) === undefined && this.#know(rpo)), {
      description: 'For the archiver itself, not for people.',
    });
    setHandler(detachUpdate, ({ by }) => this.#detach(by), {
      validator: (message) => checkMessage('detach', message, '{"by":"ann"}', { by: CHECKS.line }),
      description: 'Lets go of Redis until `attach`. JSON: {"by":"ann"}',
    });
    setHandler(attachUpdate, ({ by }) => this.#attach(by), {
      validator: (message) => checkMessage('attach', message, '{"by":"ann"}', { by: CHECKS.line }),
      description: 'Follows Redis again, unless somebody else has detached it, too. JSON: {"by":"ann"}',
    });
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.instance]: [instance], [SEARCH_ATTRIBUTES.operation]: ['archive'] });
  }

  get input(): ArchiveInput {
    const { rpo } = this.#status;
    return { ...this.#asked, ...(this.#isHeld ? { detachedBy: [...this.#holders] } : {}), ...(rpo ? { rpo } : {}) };
  }

  get #isHeld(): boolean {
    return this.#holders.size > 0;
  }

  /** Until the history is long enough to begin a new one. Stays end within about an hour, so that comes soon after. */
  async run(): Promise<void> {
    while (!workflowInfo().continueAsNewSuggested) {
      if (!this.#isHeld) await this.#follow();
      else {
        this.#enter('detached', `Let go of Redis for ${this.#status.detachedBy}. Nothing is archived meanwhile.`);
        await condition(() => !this.#isHeld || workflowInfo().continueAsNewSuggested);
      }
    }
    await this.#tidied;
  }

  async #follow(): Promise<void> {
    const { instance } = this.#status;
    this.#enter('follow', 'Every write is stored within seconds. What happens now is in the heartbeat of `followStream`.');
    delete this.#status.trouble; // it is tried: whatever it was comes back, or has been mended
    this.#stay = new CancellationScope();
    let pause: typeof TROUBLE_PAUSE | typeof REPLACED_PAUSE = TROUBLE_PAUSE;
    try {
      this.#status.last = await this.#stay.run(async () => {
        this.#of ??= await runStep('whichShard', this.#asked, { summary: `which Redis ${instance} is` });
        this.#compactOnceAnHour(this.#of);
        return runStep('followStream', this.#of, { summary: `follow ${instance} and store what it writes` });
      });
      return;
    } catch (error) {
      if (this.#isHeld) return; // asked to leave, and has left
      if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
      this.#status.trouble = error.cause?.message ?? error.message;
      if (error.cause instanceof ApplicationFailure && error.cause.type === 'ARCHIVER_REPLACED') pause = REPLACED_PAUSE;
    } finally {
      this.#stay = undefined;
    }
    this.#enter('trouble', `${this.#status.trouble} It is tried again every ${TROUBLE_PAUSE}; nothing is archived meanwhile.`);
    await condition(() => this.#isHeld, pause);
  }

  /** Beside the stay. The log is kept whether that works or not. */
  #compactOnceAnHour(of: NamedShard): void {
    if (Date.now() - this.#tidiedAtMs < HOUR_MS) return;
    this.#tidiedAtMs = Date.now();
    const compacting = runStep('compactArchive', of, { summary: `join small segments of ${of.name} that are old` });
    this.#tidied = compacting.then(
      () => undefined,
      (error) => {
        if (!(error instanceof ActivityFailure) && !isCancellation(error)) throw error;
      },
    );
  }

  async #detach(by: string): Promise<ArchiveStatus> {
    this.#holders.add(by);
    this.#tellHolders();
    this.#stay?.cancel();
    await condition(() => this.#stay === undefined);
    return this.#status;
  }

  #attach(by: string): ArchiveStatus {
    this.#holders.delete(by);
    this.#tellHolders();
    return this.#status;
  }

  /** A message that was long under way says less than is known. */
  #know(rpo: Rpo): void {
    if (rpo.asOf >= (this.#status.rpo?.asOf ?? '')) this.#status.rpo = rpo;
    this.#show();
  }

  #tellHolders(): void {
    if (this.#isHeld) this.#status.detachedBy = [...this.#holders].join(', ');
    else delete this.#status.detachedBy;
  }

  #enter(phase: ArchiveStatus['phase'], text: string): void {
    this.#status.phase = phase;
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.phase]: [phase] });
    this.#text = text;
    this.#show();
  }

  #show(): void {
    const { instance, phase, rpo } = this.#status;
    const { foreign = [], silentSince, hole } = rpo ?? {};
    const silent = phase === 'follow' && silentSince !== undefined;
    const text = silent
      ? `**Nothing heard from Redis since ${silentSince}:** what was written since then is not stored. The line is given up and dialled anew after two and a half of its ping periods.`
      : `${this.#text}${phase === 'follow' ? storedText(rpo) : ''}`;
    const beyond = foreign.length > 0 ? `\n\n**No restore goes beyond commands that nobody replays:** ${foreign.join(', ')}` : '';
    const lost = hole === undefined ? '' : `\n\n**The store has lost a part of the log, and a new base was taken:** ${hole}`;
    setCurrentDetails(`**archive of ${instance}: ${phase}**\n\n${text}${beyond}${lost}`);
  }
}
