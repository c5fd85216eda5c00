import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBinary } from '../../support/binaries.ts';
import { copyLibrariesOf, fillWithPrograms, packImage, tarNamed } from '../node/image.ts';
import { nodeWithin } from '../node/node.ts';
import { nodeDirectory } from './test-cluster.ts';

export const WORKER_IMAGE = 'localhost/redis-backup:test';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PRODUCT = ['activities', 'cli', 'config', 'model', 'platforms', 'probes', 'redis', 'repository', 'worker', 'workflows'];

const NATIVE = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-unknown-linux-gnu`;

/** Brings an image with redis-backup to the node: this clone with the libraries that it needs when it runs, and a Redis. */
export function loadWorkerImage(): void {
  const dir = nodeDirectory();
  const tar = tarNamed(dir, WORKER_IMAGE);
  if (existsSync(tar)) return;
  // In the clone: a library is linked in place of copied.
  const work = mkdtempSync(join(ROOT, '.cache/worker-image-'));
  try {
    const [programs, libraries, product] = ['programs', 'libraries', 'product'].map((name) => join(work, name));
    if (!programs || !libraries || !product) throw new Error('three folders');
    fillWithPrograms(programs, {
      node: process.execPath,
      'redis-server': findBinary('redis-server'),
      zstd: findBinary('zstd'),
    });
    for (const tool of ['readlink', 'dirname', '[']) symlinkSync('busybox', join(programs, 'bin', tool));
    for (const native of globSync(join(ROOT, 'node_modules/@temporalio/core-bridge/releases', NATIVE, '*.node')))
      copyLibrariesOf(native, programs);
    fillWithLibraries(join(libraries, 'app/node_modules'));
    mkdirSync(join(product, 'app'), { recursive: true });
    mkdirSync(join(product, 'bin'));
    for (const part of [...PRODUCT, 'package.json']) execFileSync('cp', ['-a', join(ROOT, part), join(product, 'app', part)]);
    symlinkSync('/app/cli/redis-backup', join(product, 'bin/redis-backup'));
    packImage({ name: WORKER_IMAGE, command: ['redis-backup', 'worker'], user: '100:100' }, [programs, libraries, product], tar);
    nodeWithin(dir).load(tar);
  } finally {
    rmSync(work, { recursive: true });
  }
}

function fillWithLibraries(folder: string): void {
  const said = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: ROOT, encoding: 'utf8' });
  const modules = join(ROOT, 'node_modules/');
  const names = said.split('\n').flatMap((path) => (path.startsWith(modules) ? [path.slice(modules.length)] : []));
  // What lies within another one comes with it.
  for (const name of names.filter((one) => !one.includes('/node_modules/'))) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    execFileSync('cp', ['-al', join(modules, name), join(folder, name)]);
  }
  mkdirSync(join(folder, '.bin'), { recursive: true });
  symlinkSync('/bin/node', join(folder, '.bin/node'));
}
