import type { ConditionalPut, S3Credentials } from './location.ts';
import type { ObjectStore } from './object-store.ts';
import type { ChecksumName } from './s3-proof.ts';

/** `repository` of the configuration. Resolved: secrets are values here, so it is never logged and never put into workflow input. */
export interface StoreSettings {
  url: string;
  endpoint?: string | undefined;
  region?: string | undefined;
  forcePathStyle?: boolean | undefined;
  conditionalPut?: ConditionalPut | undefined;
  checksum?: ChecksumName | undefined;
  credentials?: S3Credentials | undefined;
  /** Reads them again when the store has refused them. */
  readCredentials?: (() => Promise<S3Credentials | undefined>) | undefined;
}

/**
 * All that the rest knows of one kind of store. It is loaded with the configuration, by every command: a library that a store
 * needs is imported by `open`.
 */
export interface StoreKind {
  /** How its URL is written, for messages: `s3://bucket/prefix`. */
  form: string;
  /** Its fields of `repository` beside `url`. */
  settings: readonly string[];
  /** Why this is no URL of such a store: what goes on after "it", or empty where `form` says it. Undefined: it is one. */
  refuse(url: URL): string | undefined;
  /** Asks it nothing: `probe()` says whether it is there. */
  open(settings: StoreSettings): Promise<ObjectStore>;
}
