import { z } from 'zod';
import { messageOf, RecoveryError } from '../model/errors.ts';
import type { ShardRef } from '../model/shard.ts';
import { pinKey, pinsPrefix } from './layout.ts';
import { formatStored, parseStored } from './manifest-digest.ts';
import { inParallel } from './parallel.ts';
import { readText, textBody } from './small-objects.ts';
import type { ObjectStore } from './stores/object-store.ts';

/** A plan that names a backup: retention leaves it alone until then. */
export interface Pin {
  backupId: string;
  planId: string;
  /** Milliseconds since 1970. */
  untilMs: number;
  reason: string;
  /** Where it lies. */
  key: string;
}

const LARGEST_PIN_BYTES = 64 * 1024;
const READS_AT_ONCE = 8;

const schema = z.strictObject({
  formatVersion: z.literal(1),
  kind: z.literal('pin'),
  backupId: z.string(),
  planId: z.string(),
  until: z.iso.datetime(),
  reason: z.string(),
});

/** What plans name of one shard. */
export class Pins {
  readonly #store: ObjectStore;
  readonly #of: ShardRef;

  constructor(store: ObjectStore, { instance, shard }: ShardRef) {
    this.#store = store;
    this.#of = { instance, shard };
  }

  /** Keeps a backup from retention until `untilMs`, because a plan names it. The last pin of one plan holds. */
  async put({ backupId, planId, untilMs, reason }: Omit<Pin, 'key'>): Promise<void> {
    const until = new Date(untilMs).toISOString();
    const json: z.infer<typeof schema> = { formatVersion: 1, kind: 'pin', backupId, planId, until, reason };
    await this.#store.put(pinKey({ ...this.#of, backupId }, planId), textBody(formatStored(json)));
  }

  /**
   * All of them, those that have ended too: compare `untilMs`.
   * @throws RecoveryError `MANIFEST_INVALID`: a pin that can't be read, or lies elsewhere than it says, may protect anything, so
   *   retention must not go on
   */
  async list(): Promise<Pin[]> {
    const keys: string[] = [];
    for await (const { key } of this.#store.list(pinsPrefix(this.#of))) keys.push(key);
    const pins = await inParallel(keys, READS_AT_ONCE, async (key) => {
      const text = await readText(this.#store, key, LARGEST_PIN_BYTES);
      return text === undefined ? undefined : parsePin(text, this.#of, key, `${this.#store.url}/${key}`); // swept meanwhile
    });
    return pins.filter((pin) => pin !== undefined);
  }
}

function parsePin(text: string, of: ShardRef, key: string, where: string): Pin {
  try {
    const { backupId, planId, until, reason } = parseStored(schema, text);
    if (pinKey({ ...of, backupId }, planId) !== key) throw new Error(`it is of backup ${backupId} and plan ${planId}`);
    return { backupId, planId, untilMs: Date.parse(until), reason, key };
  } catch (cause) {
    throw new RecoveryError('MANIFEST_INVALID', `${where} is no pin that this software can read: ${messageOf(cause)}`, {
      next: `Look at it, and delete it if no restore needs it.`,
      cause,
    });
  }
}
