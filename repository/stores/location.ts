/** Where a repository is. Resolved: secrets are values here, so it is never logged and never put into workflow input. */
export type StoreLocation = FileLocation | S3Location;

export interface FileLocation {
  kind: 'file';
  /** Must exist. */
  directory: string;
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
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
}
