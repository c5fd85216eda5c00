import type { S3Location } from './location.ts';
import type { StoreKind, StoreSettings } from './store-kind.ts';

/** Amazon S3, or any server that speaks its protocol. */
export const s3: StoreKind = {
  form: 's3://bucket/prefix',
  settings: [
    ...['endpoint', 'region', 'forcePathStyle', 'conditionalPut', 'checksum'],
    ...['accessKeyId', 'secretAccessKey', 'sessionToken'],
  ],
  refuse({ username, password, host }) {
    if (username || password) return 'has credentials in it; use accessKeyId and secretAccessKey';
    return /^[a-z0-9][a-z0-9.-]+$/.test(host) ? undefined : '';
  },
  async open(settings) {
    const { S3Store } = await import('./s3.ts'); // its SDK takes longer to load than most commands take
    return new S3Store(locationOf(settings));
  },
};

export function locationOf({ url, ...settings }: StoreSettings): S3Location {
  const { host: bucket, pathname } = new URL(url);
  const prefix = decodeURIComponent(pathname).replace(/^\/+|\/+$/g, '');
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  return { kind: 's3', bucket, prefix, ...given };
}
