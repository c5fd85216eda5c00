import { z } from 'zod';
import { STORE_FORMS, STORE_SCHEMES, storeKindOf } from '../repository/stores/registry.ts';
import { field, httpUrl, secret, text, url } from './fields.ts';

const SCHEMES = STORE_SCHEMES.map((scheme) => `${scheme}:`);

function refuseRepositoryUrl(parsed: URL): string | undefined {
  if (parsed.search || parsed.hash) return 'has `?` or `#` in it';
  if (/%(?![0-9a-f]{2})/i.test(parsed.pathname)) return 'has a % without two hexadecimal digits behind it';
  return storeKindOf(parsed.protocol)?.refuse(parsed);
}

/** `repository`. */
export const repository = z.strictObject({
  url: url('Where backups live.', STORE_FORMS, SCHEMES, refuseRepositoryUrl),
  endpoint: httpUrl('S3 server other than AWS. Only with `s3://`.').optional(),
  region: field(text('Region of the bucket.').optional(), {
    about: 'Region of the bucket. Only with `s3://`.',
    allowed: 'a region, such as eu-central-1',
    byDefault: "the AWS SDK's own chain, or us-east-1 with an `endpoint`",
  }),
  forcePathStyle: field(z.boolean().optional(), {
    about: 'Puts the bucket into the path instead of the host name. Only with `s3://`.',
    allowed: 'true or false',
    byDefault: 'true with an `endpoint`, else false',
  }),
  conditionalPut: field(z.enum(['if-none-match', 'none']).optional(), {
    about:
      'How a key that is taken is refused. `none`: for a store without conditional writes, or a directory without hard links; we look before, and of two that write in the same moment the later one wins. For snapshots only, without `archive`.',
    allowed: 'if-none-match or none',
    byDefault: 'if-none-match',
  }),
  checksum: field(z.enum(['crc32', 'sha256', 'md5']).optional(), {
    about:
      'Which checksum goes with the bytes. `md5`: Content-MD5, for stores that know no `x-amz-checksum-…`. Only with `s3://`.',
    allowed: 'crc32, sha256 or md5',
    byDefault: 'crc32',
  }),
  accessKeyId: secret("Absent: the AWS SDK's own chain (environment, profile, role).").optional(),
  secretAccessKey: secret('Goes with `accessKeyId`.').optional(),
  sessionToken: secret('For temporary credentials.').optional(),
});
