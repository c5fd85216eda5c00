import type { ChecksumName } from './s3-proof.ts';

/** Where a repository is. Resolved: secrets are values here, so it is never logged and never put into workflow input. */
export type StoreLocation = FileLocation | S3Location;

export interface FileLocation {
  kind: 'file';
  /** Must exist. */
  directory: string;
  /** `none`: the file system has no hard links. */
  conditionalPut?: ConditionalPut;
}

/**
 * How a key that is taken is refused. `if-none-match`, the default: by the store, in one step. `none`: it cannot do so, and
 * we look before: of two that write in the same moment the later one wins.
 */
export type ConditionalPut = 'if-none-match' | 'none';

export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export interface S3Location {
  kind: 's3';
  bucket: string;
  /** Keys begin with it; may be empty. */
  prefix: string;
  /** Of an S3-compatible server, such as `https://minio.example:9000`. Default: Amazon's for the region. */
  endpoint?: string;
  /** Default: `us-east-1` if there is an endpoint, else what the AWS environment says. */
  region?: string;
  /** `endpoint/bucket/key` in place of `bucket.endpoint/key`. Default: true if there is an endpoint. */
  forcePathStyle?: boolean;
  /** Default: what the AWS environment says (variables, profile, role). */
  credentials?: S3Credentials;
  /** Reads them again when the store has refused them. */
  readCredentials?: () => Promise<S3Credentials | undefined>;
  conditionalPut?: ConditionalPut;
  /** Which checksum goes with the bytes. Default: `crc32`. */
  checksum?: ChecksumName;
}
