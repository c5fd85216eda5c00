import { z } from 'zod';
import { messageOf, RecoveryError } from '../model/errors.ts';
import { pinKey, pinsPrefix, type SnapshotRef } from './layout.ts';
import { formatStored, parseStored } from './manifest-digest.ts';
import { inParallel } from './parallel.ts';
import { readText, textBody } from './small-objects.ts';
import type { ObjectStore } from './stores/object-store.ts';

/** A plan that names a snapshot: retention leaves it alone until then. */
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

export async function writePin(
  store: ObjectStore,
  ref: SnapshotRef,
  pin: Pick<Pin, 'planId' | 'untilMs' | 'reason'>,
): Promise<void> {
  const { planId, untilMs, reason } = pin;
  const until = new Date(untilMs).toISOString();
  const json: z.infer<typeof schema> = { formatVersion: 1, kind: 'pin', backupId: ref.backupId, planId, until, reason };
  await store.put(pinKey(ref, planId), textBody(formatStored(json)));
}

/**
 * @throws RecoveryError `MANIFEST_INVALID`: a pin that can't be read, or lies elsewhere than it says, may protect anything, so
 *   retention must not go on
 */
export async function readPins(store: ObjectStore, instance: string, shard: string): Promise<Pin[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(pinsPrefix(instance, shard))) keys.push(key);
  const pins = await inParallel(keys, READS_AT_ONCE, async (key) => {
    const text = await readText(store, key, LARGEST_PIN_BYTES);
    return text === undefined ? undefined : parsePin(text, { instance, shard }, key, `${store.url}/${key}`); // swept meanwhile
  });
  return pins.filter((pin) => pin !== undefined);
}

function parsePin(text: string, place: Omit<SnapshotRef, 'backupId'>, key: string, where: string): Pin {
  try {
    const { backupId, planId, until, reason } = parseStored(schema, text);
    if (pinKey({ ...place, backupId }, planId) !== key) throw new Error(`it is of backup ${backupId} and plan ${planId}`);
    return { backupId, planId, untilMs: Date.parse(until), reason, key };
  } catch (cause) {
    throw new RecoveryError('MANIFEST_INVALID', `${where} is no pin that this software can read: ${messageOf(cause)}`, {
      next: `Look at it, and delete it if no restore needs it.`,
      cause,
    });
  }
}
