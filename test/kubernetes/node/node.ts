import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { until } from '../../support/until.ts';
import { packImage, tarNamed } from './image.ts';
import { closeNetwork, openNetwork, runWithin, spawnWithin } from './network.ts';
import { BIN, configuration, NODE_NAME, PAUSE_IMAGE, pathsIn, programs, storage } from './settings.ts';

const UP_WITHIN_SECONDS = 180;
const END_WITHIN_MS = 10_000;
/** The kubelet goes before the containers that it would start anew, and they before what runs them. */
const LAST_TO_END = ['kube-apiserver', 'containerd', 'etcd'];

/** One Kubernetes node of our own: real parts, in a network namespace and a directory of its own. */
export interface KubernetesNode {
  dir: string;
  /** Name of the network namespace. */
  network: string;
  kubeconfig: string;
  /** @returns what kubectl printed */
  kubectl(args: readonly string[], input?: string): string;
  /** Brings an image that `packImage` made. */
  load(tar: string): void;
}

/**
 * Starts a node that is Ready, with Services, DNS, NetworkPolicies and volumes.
 * @param dir - what an earlier one has left there is ended and gone on with
 * @throws Error that names the logs if it is not ready in three minutes
 */
export async function startNode(dir: string, network: string): Promise<KubernetesNode> {
  if (!existsSync(join(BIN, 'sources'))) throw new Error('no Kubernetes: ./scripts/setup --with-kubernetes');
  await stopNode(dir, network);
  const paths = pathsIn(dir);
  for (const part of ['run', 'pki', 'cni', 'etcd', 'images']) mkdirSync(join(dir, part), { recursive: true });
  for (const [path, text] of Object.entries(configuration(dir))) writeFileSync(path, text);
  makeSigningKey(paths.signingKey);
  openNetwork(network);
  writeFileSync(join(paths.run, 'network'), network);
  const node = nodeIn(dir, network);
  const all = Object.keys(programs(dir));
  const first = all.slice(0, all.indexOf('kube-apiserver') + 1);
  for (const part of first) startPart(dir, network, part);
  await untilSo('the API server answers', dir, () => node.kubectl(['get', '--raw', '/readyz']) === 'ok');
  loadPause(node);
  for (const part of all.slice(first.length)) startPart(dir, network, part);
  for (const object of storage(dir)) {
    const { path } = (object as { spec?: { local?: { path: string } } }).spec?.local ?? {};
    if (path) mkdirSync(path, { recursive: true, mode: 0o777 });
  }
  node.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: storage(dir) }));
  await untilSo('the node is ready', dir, () => {
    const ready = '{.status.conditions[?(@.type=="Ready")].status}';
    node.kubectl(['-n', 'default', 'get', 'serviceaccount', 'default']);
    return node.kubectl(['get', 'node', NODE_NAME, '-o', `jsonpath=${ready}`]) === 'True';
  });
  return node;
}

/** The node that another process has started there. */
export const nodeWithin = (dir: string): KubernetesNode => nodeIn(dir, readFileSync(join(pathsIn(dir).run, 'network'), 'utf8'));

function nodeIn(dir: string, network: string): KubernetesNode {
  const { kubeconfig, containerdSocket } = pathsIn(dir);
  return {
    dir,
    network,
    kubeconfig,
    kubectl: (args, input) => runWithin(network, [join(BIN, 'kubectl'), '--kubeconfig', kubeconfig, ...args], input),
    load: (tar) => void execFileSync('ctr', ['-a', containerdSocket, '-n', 'k8s.io', 'images', 'import', tar], { stdio: 'pipe' }),
  };
}

function makeSigningKey(path: string): void {
  if (existsSync(path)) return;
  execFileSync('openssl', ['genrsa', '-out', path, '2048'], { stdio: 'pipe' });
  execFileSync('openssl', ['rsa', '-in', path, '-pubout', '-out', `${path}.pub`], { stdio: 'pipe' });
}

/** Outlives us: who has started a node by hand looks at it. */
function startPart(dir: string, network: string, part: string): void {
  const log = openSync(join(pathsIn(dir).run, `${part}.log`), 'a');
  const program = part === 'containerd' ? part : join(BIN, part);
  const child = spawnWithin(network, [program, ...(programs(dir)[part] ?? [])], { stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  writeFileSync(join(pathsIn(dir).run, `${part}.pid`), String(child.pid)); // nsenter becomes the program
  child.unref();
}

function loadPause(node: KubernetesNode): void {
  const tar = tarNamed(node.dir, PAUSE_IMAGE);
  const folder = mkdtempSync(join(tmpdir(), 'redis-backup-pause-'));
  try {
    mkdirSync(join(folder, 'bin'));
    copyFileSync('/usr/bin/busybox', join(folder, 'bin/busybox'));
    symlinkSync('busybox', join(folder, 'bin/sleep'));
    packImage({ name: PAUSE_IMAGE, command: ['/bin/sleep', '2147483647'] }, [folder], tar);
    node.load(tar);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Ends everything of a node by process id, and takes its mounts and its network away. The directory stays. Idempotent. */
export async function stopNode(dir: string, network: string): Promise<void> {
  const { run, containerdSocket } = pathsIn(dir);
  const parts = existsSync(run) ? readdirSync(run).flatMap((file) => /^(.+)\.pid$/.exec(file)?.[1] ?? []) : [];
  for (const part of parts.filter((name) => !LAST_TO_END.includes(name))) await endPart(dir, part);
  if (existsSync(containerdSocket)) endContainers(containerdSocket);
  for (const part of LAST_TO_END.filter((name) => parts.includes(name))) await endPart(dir, part);
  for (const mount of mountsBelow(dir)) execFileSync('umount', ['-l', mount]);
  closeNetwork(network);
  rmSync(join(dir, 'cni/addresses'), { recursive: true, force: true });
}

async function endPart(dir: string, part: string): Promise<void> {
  const file = join(pathsIn(dir).run, `${part}.pid`);
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8'));
  const isThere = () => existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(part);
  if (isThere()) process.kill(pid, 'SIGTERM');
  const end = Date.now() + END_WITHIN_MS;
  while (isThere() && Date.now() < end) await setTimeout(50);
  if (isThere()) process.kill(pid, 'SIGKILL');
  rmSync(file);
}

/** With the network namespaces of their pods. */
function endContainers(socket: string): void {
  const ctr = (...args: string[]): string[] => {
    try {
      const said = execFileSync('ctr', ['-a', socket, '-n', 'k8s.io', ...args], {
        encoding: 'utf8',
        stdio: 'pipe',
        timeout: 20_000,
      });
      return said.split('\n').filter(Boolean);
    } catch {
      return []; // gone already, or containerd is
    }
  };
  const containers = ctr('containers', 'ls', '-q');
  const networks = containers.flatMap(
    (id) => /netns\/(cni-[0-9a-f-]+)/.exec(ctr('containers', 'info', id).join('\n'))?.[1] ?? [],
  );
  for (const task of ctr('tasks', 'ls', '-q')) ctr('tasks', 'delete', '-f', task);
  for (const id of containers) ctr('containers', 'delete', id);
  for (const name of new Set(networks)) closeNetwork(name);
}

/** The innermost first. */
function mountsBelow(dir: string): string[] {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  return mounts
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${dir}/`))
    .sort()
    .reverse();
}

/** @throws Error that names the logs */
async function untilSo(what: string, dir: string, isSo: () => boolean): Promise<void> {
  const isSoBy = () => {
    try {
      return isSo();
    } catch {
      return false; // it does not answer yet
    }
  };
  await until(isSoBy, { what: `${what}; see ${pathsIn(dir).run}/*.log`, seconds: UP_WITHIN_SECONDS });
}
