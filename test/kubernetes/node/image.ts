import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

export interface ImageSpec {
  /** `redis:8`. */
  name: string;
  command: string[];
  /** User and group, by number. Default root. */
  user?: string;
}

/**
 * Packs folders into an image that containerd imports, without a registry and without Docker. The same files make the same
 * layer.
 * @param folders - a layer each, the lowest first
 */
export function packImage({ name, command, user = '0' }: ImageSpec, folders: readonly string[], tar: string): void {
  const work = mkdtempSync(join(tmpdir(), 'redis-backup-image-'));
  try {
    const digests = folders.map((folder) => packLayer(folder, work));
    const config = {
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { User: user, Env: ['PATH=/usr/local/bin:/usr/bin:/bin'], Cmd: command },
      rootfs: { type: 'layers', diff_ids: digests.map((digest) => `sha256:${digest}`) },
    };
    const layers = digests.map((digest) => `${digest}.tar`);
    writeFileSync(join(work, 'config.json'), JSON.stringify(config));
    writeFileSync(join(work, 'manifest.json'), JSON.stringify([{ Config: 'config.json', RepoTags: [name], Layers: layers }]));
    execFileSync('tar', ['-C', work, '-cf', tar, 'manifest.json', 'config.json', ...layers]);
  } finally {
    rmSync(work, { recursive: true });
  }
}

function packLayer(folder: string, work: string): string {
  const tar = join(work, 'layer');
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  execFileSync('tar', ['-C', folder, ...same, '-cf', tar, '.']);
  const digest = createHash('sha256').update(readFileSync(tar)).digest('hex');
  renameSync(tar, join(work, `${digest}.tar`));
  return digest;
}

/**
 * Copies programs of this machine with the libraries that they load, and a shell of busybox, into an empty folder: the least that a
 * container needs.
 * @param programs - paths, each with its name there
 */
export function fillWithPrograms(folder: string, programs: Record<string, string>): void {
  for (const part of ['bin', 'usr', 'etc', 'tmp', 'data', 'proc', 'sys', 'dev'])
    mkdirSync(join(folder, part), { recursive: true });
  symlinkSync('../bin', join(folder, 'usr/bin'));
  copyFile('/usr/bin/busybox', join(folder, 'bin/busybox'));
  for (const tool of ['sh', 'ls', 'cat', 'echo', 'sleep', 'env', 'id', 'stat', 'sed', 'cp', 'mv', 'rm', 'mkdir', 'dd', 'df'])
    symlinkSync('busybox', join(folder, 'bin', tool));
  writeFileSync(join(folder, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\nredis:x:999:999:redis:/data:/bin/sh\n');
  writeFileSync(join(folder, 'etc/group'), 'root:x:0:\nredis:x:999:\n');
  for (const [name, path] of Object.entries(programs)) {
    copyFile(realpathSync(path), join(folder, 'bin', name));
    copyLibrariesOf(path, folder);
  }
}

/** What a program, or a library itself, loads. */
export function copyLibrariesOf(path: string, folder: string): void {
  for (const library of librariesOf(path)) copyFile(library, join(folder, library));
}

/** Absolute paths, the loader among them. */
function librariesOf(program: string): string[] {
  const said = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...said.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map(([, path = '']) => path);
}

function copyFile(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to); // of a link, what it leads to
}

/** Where an image that was packed is kept: by the name that Kubernetes knows it by. */
export const tarNamed = (dir: string, image: string): string => join(dir, 'images', `${basename(image).replace(':', '-')}.tar`);
