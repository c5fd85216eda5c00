import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = new URL('../', import.meta.url);
const CACHE = new URL('.cache/workflow-bundles/', ROOT);
const BUNDLER = new URL('bundle-workflows.ts', import.meta.url);
const MAX_BUNDLE_BYTES = 64 * 1024 * 1024;

/**
 * The workflows as one script for Temporal's sandbox. Bundling takes seconds of a whole core, and a worker that was killed
 * in the middle of a recovery is waited for: so the result is kept, under the digest of everything that goes into it.
 * @param workflowsPath - the module that exports the workflows; tests have one with more
 */
export async function workflowBundle(
  workflowsPath = fileURLToPath(new URL('workflows/index.ts', ROOT)),
): Promise<{ codePath: string } | { code: string }> {
  const kept = new URL(`${await digestOfSources(workflowsPath)}.js`, CACHE);
  const byPath = { codePath: fileURLToPath(kept) };
  if (existsSync(kept)) return byPath;
  const code = await bundled(workflowsPath);
  return keep(kept, code).then(
    () => byPath, // the worker would keep text that it is given beside its own copy
    () => ({ code }), // a read-only installation bundles at every start
  );
}

/**
 * In a process of its own: the bundler would stay in the worker's memory, which it doubles. It unpacks 31 MB of a library for
 * itself, by default into the home of its user: for the user of Redis that is the data directory.
 */
async function bundled(workflowsPath: string): Promise<string> {
  const unpacked = await mkdtemp(join(tmpdir(), 'redis-backup-bundler-'));
  try {
    const env = { ...process.env, SWC_NATIVE_BINDING_CACHE: unpacked };
    const args = [fileURLToPath(BUNDLER), workflowsPath];
    return (await promisify(execFile)(process.execPath, args, { maxBuffer: MAX_BUNDLE_BYTES, env })).stdout;
  } finally {
    await rm(unpacked, { recursive: true, force: true });
  }
}

async function keep(file: URL, code: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const unfinished = new URL(`${file.href}.${process.pid}`);
  await writeFile(unfinished, code);
  await rename(unfinished, file);
}

async function digestOfSources(workflowsPath: string): Promise<string> {
  const digest = createHash('sha256');
  const sdk = createRequire(import.meta.url)('@temporalio/worker/package.json') as { version: string };
  digest.update(`${sdk.version} ${workflowsPath}`);
  for (const source of [BUNDLER, workflowsPath]) digest.update(await readFile(source));
  for (const room of ['workflows/', 'model/']) {
    const files = await readdir(new URL(room, ROOT), { recursive: true });
    for (const file of files.filter((name) => name.endsWith('.ts')).sort()) {
      digest.update(file).update(await readFile(new URL(file, new URL(room, ROOT))));
    }
  }
  return digest.digest('hex').slice(0, 32);
}
