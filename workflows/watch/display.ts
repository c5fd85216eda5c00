import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { SEARCH_ATTRIBUTES } from '../../model/operations.ts';
import { type AskedShard, askedName } from '../../model/shard.ts';
import type { WatchMemory } from '../../model/watch/memory.ts';
import { renderWatch } from '../../model/watch/page.ts';
import { isFailing, type WatchStatus, type Witnesses } from '../../model/watch/watch.ts';
import { deploymentPart } from '../own-deployment.ts';

/** Keeps what people see of a watcher true: query `status`, search attributes, current details. */
export class WatchDisplay {
  readonly status: WatchStatus;
  readonly #memory: WatchMemory;
  #phase: WatchStatus['phase'] | undefined;

  constructor(asked: AskedShard, memory: WatchMemory) {
    const { instance } = asked;
    this.#memory = memory;
    this.status = { instance: askedName(asked), ...deploymentPart(), phase: 'watching', text: '', recoveries: [] };
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.instance]: [instance], [SEARCH_ATTRIBUTES.operation]: ['watch'] });
    if (memory.question) this.enter('asks', memory.question.text);
    else this.enter('watching', 'It begins to look.');
  }

  sees(witnesses: Witnesses | undefined): void {
    this.#memory.witnesses = witnesses;
  }

  enter(phase: WatchStatus['phase'], text: string): void {
    if (phase !== this.#phase) upsertSearchAttributes({ [SEARCH_ATTRIBUTES.phase]: [phase] });
    this.#phase = phase;
    const { known, since, witnesses, question, recoveries } = this.#memory;
    const failingSince = isFailing(known) ? since : undefined;
    Object.assign(this.status, { phase, text, failingSince, witnesses, question, recoveries });
    setCurrentDetails(renderWatch(this.status));
  }
}
