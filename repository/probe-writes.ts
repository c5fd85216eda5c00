import { randomUUID } from 'node:crypto';
import { hasCode, RecoveryError } from '../model/errors.ts';
import { probeKey } from './layout.ts';
import { readText, textBody } from './small-objects.ts';
import type { ObjectStore } from './stores/object-store.ts';

const CONDITIONAL = 'Use a store with strong consistency and conditional writes';

/**
 * Writes a small object and sees an overwrite refused: that is how two writers are kept apart. Deletes it again.
 * @param between - what else is looked at while the object is there
 * @throws RecoveryError those of the store, and `STORE_UNFIT` that names the setting that helps, where there is one
 */
export async function probeFence(store: ObjectStore, between = async (_key: string): Promise<void> => {}): Promise<void> {
  const key = probeKey(randomUUID());
  try {
    await store.put(key, textBody(key), { ifAbsent: true });
  } catch (error) {
    throw (await helpFor(store, error)) ?? error;
  }
  try {
    await between(key);
    const again = await store.put(key, textBody('other'), { ifAbsent: true }).catch((error) => error);
    if (!hasCode(again, 'OBJECT_EXISTS')) throw again instanceof Error ? again : overwrites(store);
  } finally {
    await store.delete(key).catch(() => undefined); // what is wrong with it is said by whoever must delete
  }
}

/** All that backups need of a store. @throws RecoveryError those of the store, and `STORE_UNFIT` */
export async function probeWrites(store: ObjectStore): Promise<void> {
  await store.probe();
  await store.requireAll?.();
  let probed = '';
  await probeFence(store, async (key) => {
    probed = key;
    if ((await readText(store, key, 1024)) !== key) throw unfit(store, 'gives back other bytes than were put');
    const listed: string[] = [];
    for await (const object of store.list(key)) listed.push(object.key);
    if (listed.length !== 1) throw unfit(store, 'does not list what was put');
  });
  await store.delete(probed);
  if (await store.head(probed)) throw unfit(store, 'still has what was deleted');
}

async function helpFor(store: ObjectStore, error: unknown): Promise<RecoveryError | undefined> {
  if (!hasCode(error, 'STORE_UNFIT', 'STORE_UNPROVEN')) return undefined;
  const setting = await store.settingFor?.(probeKey(randomUUID()));
  if (setting === undefined) return undefined;
  return new RecoveryError('STORE_UNFIT', `${error.message}; with ${setting.text} it takes what we write`, {
    next: `Set ${setting.text}${setting.isFence ? ': for snapshots only, the continuous log needs a store with conditional writes' : ''}.`,
  });
}

const overwrites = (store: ObjectStore): RecoveryError =>
  new RecoveryError('STORE_UNFIT', `${store.url} overwrites in spite of If-None-Match`, {
    next: `${CONDITIONAL}, or set repository.conditionalPut: none, for snapshots only.`,
  });

const unfit = (store: ObjectStore, why: string): RecoveryError =>
  new RecoveryError('STORE_UNFIT', `${store.url} ${why}`, { next: `${CONDITIONAL}.` });
