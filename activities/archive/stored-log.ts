import { setTimeout as sleep } from 'node:timers/promises';
import { baseOfEnd } from '../../model/archive/plan.ts';
import type { Timeline } from '../../model/archive/timeline.ts';
import { beyondText } from '../../model/backup/unusable.ts';
import { RecoveryError } from '../../model/errors.ts';
import type { Archive } from '../../repository/archive/archive.ts';
import { missingSegments, type StoredPart } from '../../repository/archive/missing.ts';
import type { Dependencies } from '../dependencies.ts';

export const LOOK_EVERY_MS = 60_000;
/** Segments of the last minutes: a store that loses what it has taken does so early. */
const MOST_KEPT = 500;
/** A store that loses segments all the time must not cost Redis a fork and a full transfer each minute. */
const PAUSE_MS = 600_000;

/** The store has lost a part of the log. What is written now can only be restored from a new base. */
export class LogHole extends RecoveryError {
  constructor(text: string) {
    super('ARCHIVE_GAP', text, { next: 'Nothing: the archiver takes a new base. Find out who deletes in this store.' });
  }
}

/** What an archiver has stored, looked for in the store again and again: a write that was acknowledged may be lost later. */
export class StoredLog {
  readonly #deps: Dependencies;
  readonly #archive: Archive;
  readonly #timeline: Timeline;
  #stored: StoredPart[] = [];

  constructor(deps: Dependencies, archive: Archive, timeline: Timeline) {
    this.#deps = deps;
    this.#archive = archive;
    this.#timeline = timeline;
  }

  add(part: StoredPart): void {
    this.#stored.push(part);
    if (this.#stored.length > MOST_KEPT) this.#stored.shift();
  }

  /**
   * Looks at the whole log behind its newest base at once, and then at its newest segments each minute, until the signal ends
   * it or a hole is found. A store that is away is no hole.
   */
  async watch(signal: AbortSignal, onHole: (hole: LogHole) => void, everyMs = LOOK_EVERY_MS): Promise<void> {
    for (let whole = true; !signal.aborted; whole = false) {
      const hole = await this.#look(whole, signal).catch(() => undefined); // nothing was seen: the next look sees it
      if (hole && !signal.aborted) {
        onHole(hole);
        return;
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #look(whole: boolean, signal: AbortSignal): Promise<LogHole | undefined> {
    const stored = [...this.#stored];
    const { timelineId, reason, startedAt } = this.#timeline;
    const missing = await missingSegments(this.#archive, timelineId, stored, signal);
    if (!whole && missing.length === 0) return undefined;
    if (reason === 'hole' && this.#deps.now() - Date.parse(startedAt) < PAUSE_MS) return undefined;
    const { extents, damage } = await this.#archive.extents({ signal });
    const snapshots = await (await this.#deps.repository()).snapshots(this.#archive).list();
    const end = extents.find(({ timeline }) => timeline.timelineId === timelineId)?.stretches.at(-1)?.end ?? 0;
    const last = stored.at(-1);
    if (last && end < last.end) {
      return new LogHole(
        `offsets ${end} to ${last.end} of the log (timeline ${timelineId}) were stored and are not in the store`,
      );
    }
    if (baseOfEnd(extents, snapshots)) {
      this.#stored = this.#stored.filter((part) => !missing.includes(part)); // retention has taken what lay before the base
      return undefined;
    }
    const known = damage.findLast(({ id }) => id === timelineId) ?? damage.at(-1);
    return new LogHole(known ? beyondText(known) : `no snapshot is left from which the log (timeline ${timelineId}) goes on`);
  }
}
