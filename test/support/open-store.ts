import { FileStore } from '../../repository/stores/file.ts';
import type { StoreLocation } from '../../repository/stores/location.ts';
import type { ObjectStore } from '../../repository/stores/object-store.ts';
import { S3Store } from '../../repository/stores/s3.ts';

export type { FileLocation, S3Location, StoreLocation } from '../../repository/stores/location.ts';

/** For whoever looks at the objects themselves: `openRepository` opens the store of a configuration. */
export function openStore(location: StoreLocation): ObjectStore {
  return location.kind === 'file' ? new FileStore(location.directory, location) : new S3Store(location);
}
