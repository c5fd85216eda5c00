import { FileStore } from './stores/file.ts';
import type { StoreLocation } from './stores/location.ts';
import type { ObjectStore } from './stores/object-store.ts';
import { S3Store } from './stores/s3.ts';

export type { FileLocation, S3Location, StoreLocation } from './stores/location.ts';

/** Opens the store of a repository. Asks it nothing: `probe()` says whether it is there. */
export function openStore(location: StoreLocation): ObjectStore {
  return location.kind === 'file' ? new FileStore(location.directory, location) : new S3Store(location);
}
