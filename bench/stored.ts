import { globSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { S3Server } from '../test/support/s3-server.ts';

/** What stands in the S3 server under a prefix, counted where it keeps its objects: nobody's own word for it. */
export const bytesUnder = ({ dir }: S3Server, bucket: string, prefix: string): number =>
  globSync(`${prefix}/**`, { cwd: join(dir, 'data', bucket), withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);

/** Makes room for the next run. */
export const removeUnder = ({ dir }: S3Server, bucket: string, prefix: string): void =>
  rmSync(join(dir, 'data', bucket, prefix), { recursive: true, force: true });
