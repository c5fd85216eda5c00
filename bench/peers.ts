import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBinary, findBinaryIfThere } from '../test/support/binaries.ts';
import type { S3Server } from '../test/support/s3-server.ts';
import { measureCommand } from './processes.ts';
import type { Contender, Run } from './report.ts';
import { bytesUnder, removeUnder } from './stored.ts';

/** The least that a snapshot can cost: Redis sends it, nobody keeps it. */
export const redisCli = (port: number): Contender => ({
  name: 'redis-cli',
  run: () =>
    // It ends with code 1, because /dev/null cannot be synced, after it has said that it has everything.
    measureCommand(findBinary('redis-cli'), ['-p', `${port}`, '--rdb', '/dev/null'], {}, ({ text }) =>
      text.includes('Transfer finished with success'),
    ),
});

const WALG_BUCKET = 'walg';

/** WAL-G with zstd to the same S3 server; undefined when there is none on PATH. The project never builds it. */
export function walg(
  port: number,
  s3: S3Server,
): (Contender & { fetch(directory: string): Promise<Run>; empty(): void }) | undefined {
  const binary = findBinaryIfThere('wal-g');
  if (binary === undefined) return undefined;
  const own = mkdtempSync(join(tmpdir(), 'redis-backup-walg-'));
  process.once('exit', () => rmSync(own, { recursive: true, force: true }));
  const environment = (directory: string): NodeJS.ProcessEnv => ({
    PATH: process.env.PATH,
    HOME: own,
    WALG_STREAM_CREATE_COMMAND: `${findBinary('redis-cli')} -p ${port} --rdb -`,
    WALG_STREAM_RESTORE_COMMAND: `cat > ${directory}/dump.rdb`,
    WALG_REDIS_DATA_PATH: directory,
    WALG_S3_PREFIX: `s3://${WALG_BUCKET}/bench`,
    WALG_COMPRESSION_METHOD: 'zstd',
    AWS_ENDPOINT: s3.endpoint,
    AWS_S3_FORCE_PATH_STYLE: 'true',
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
  });
  const push = async (): Promise<Run> => {
    const cost = await measureCommand(binary, ['backup-push', '--type', 'rdb'], { env: environment(own), cwd: own });
    return { ...cost, storedBytes: bytesUnder(s3, WALG_BUCKET, 'bench') };
  };
  return {
    name: 'wal-g',
    async run() {
      await s3.bucket(WALG_BUCKET);
      const run = await push();
      removeUnder(s3, WALG_BUCKET, 'bench');
      return run;
    },
    async fetch(directory) {
      await s3.bucket(WALG_BUCKET);
      if (bytesUnder(s3, WALG_BUCKET, 'bench') === 0) await push();
      mkdirSync(directory, { recursive: true });
      return measureCommand(binary, ['backup-fetch', 'LATEST'], { env: environment(directory), cwd: own });
    },
    empty: () => removeUnder(s3, WALG_BUCKET, 'bench'),
  };
}
