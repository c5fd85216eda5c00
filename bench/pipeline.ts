/** `--pipeline`: what each stage of a snapshot adds, without Temporal. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE_DIRECTORY } from '../test/support/binaries.ts';
import type { S3Server } from '../test/support/s3-server.ts';
import type { Job, JobResult, Stage } from './pipeline-child.ts';
import { measureCommand } from './processes.ts';
import { hottest } from './profile.ts';
import type { Contender, Run } from './report.ts';
import { removeUnder } from './stored.ts';

const CHILD = fileURLToPath(new URL('pipeline-child.ts', import.meta.url));
const PROFILES = join(CACHE_DIRECTORY, 'bench', 'profiles');

export const STAGES: Record<Stage, string> = {
  stream: '1 stream',
  census: '2 + CRC64, census',
  compress: '3 + zstd, SHA-256',
  store: '4 + upload',
};

/** Runs a job in a process of its own. With `profile`, says which functions its main thread was in. */
export async function runJob(
  job: Job,
  options: { profile?: boolean; note?: (text: string) => void } = {},
): Promise<Run & JobResult> {
  const profiling = options.profile ? ['--cpu-prof', '--cpu-prof-dir', PROFILES] : [];
  const { stdout, ...cost } = await measureCommand(process.execPath, [...profiling, CHILD, JSON.stringify(job)]);
  const result = JSON.parse(stdout) as JobResult;
  if (options.profile) {
    options.note?.(`CPU seconds by thread: ${JSON.stringify(result.cpuByThread)}`);
    const newest = readdirSync(PROFILES).sort().at(-1) ?? '';
    options.note?.(`${join(PROFILES, newest)}\n${hottest(join(PROFILES, newest))}`);
  }
  return { ...cost, ...result, storedBytes: result.stored?.bytes };
}

export function stageContender(
  stage: Stage,
  port: number,
  s3: S3Server,
  profile: boolean,
  note: (text: string) => void,
): Contender {
  return {
    name: STAGES[stage],
    async run() {
      const store = s3.location('pipeline');
      const job: Job = { kind: 'backup', stage, port, store, backupId: '20260101T000000Z' };
      const run = await runJob(job, { profile: profile && stage === 'store', note });
      removeUnder(s3, store.bucket, store.prefix);
      return run;
    },
  };
}
