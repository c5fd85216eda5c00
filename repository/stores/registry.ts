import { RecoveryError } from '../../model/errors.ts';
import { file } from './file.ts';
import type { ObjectStore } from './object-store.ts';
import { s3 } from './s3-kind.ts';
import type { StoreKind, StoreSettings } from './store-kind.ts';

/** Every kind of store, by the scheme of its URLs. */
const STORES: ReadonlyMap<string, StoreKind> = new Map(Object.entries({ s3, file }));

export const STORE_SCHEMES: readonly string[] = [...STORES.keys()];

/** `s3://bucket/prefix or file:///directory` */
export const STORE_FORMS: string = [...STORES.values()].map(({ form }) => form).join(' or ');

/** Undefined: no kind of ours. */
export const storeKindOf = (url: string): StoreKind | undefined => STORES.get(url.slice(0, url.indexOf(':')));

/** The schemes of the stores that have a setting. */
export const schemesWith = (setting: string): string[] =>
  STORE_SCHEMES.filter((scheme) => STORES.get(scheme)?.settings.includes(setting));

/** @throws RecoveryError `CONFIG_INVALID` for a scheme that is none of ours */
export async function openStore(settings: StoreSettings): Promise<ObjectStore> {
  const kind = storeKindOf(settings.url);
  if (kind) return kind.open(settings);
  const scheme = settings.url.slice(0, settings.url.indexOf(':') + 1).slice(0, 40);
  throw new RecoveryError('CONFIG_INVALID', `no store of this version has URLs that begin with ${JSON.stringify(scheme)}`, {
    next: `Use one of these: ${STORE_FORMS}.`,
  });
}
