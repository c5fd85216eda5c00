import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBinary } from '../../support/binaries.ts';
import { until } from '../../support/until.ts';
import { fillWithPrograms, packImage, tarNamed } from '../node/image.ts';
import { nodeWithin } from '../node/node.ts';
import { BIN } from '../node/settings.ts';

export const REDIS_IMAGE = 'localhost/redis:test';

/** A namespace of its own in the cluster that KUBECONFIG names. */
export interface TestNamespace extends AsyncDisposable {
  readonly name: string;
  kubectl(args: readonly string[], input?: string): string;
  /** Creates or changes objects of this namespace. */
  apply(...objects: object[]): void;
  /** @returns undefined: it is not there */
  get<T>(kind: string, name: string): T | undefined;
}

const kubectl = (args: readonly string[], input = ''): string =>
  execFileSync(join(BIN, 'kubectl'), args, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] });

/** Where the node is that `run` of test/kubernetes/node/main.ts has started. @throws Error with the command that starts one */
export function nodeDirectory(): string {
  const { KUBERNETES_NODE_DIR: dir } = process.env;
  if (dir === undefined) throw new Error('no node: npm run test:kubernetes, which builds and starts one');
  return dir;
}

export function openNamespace(): TestNamespace {
  nodeDirectory();
  const name = `redis-backup-${randomBytes(4).toString('hex')}`;
  kubectl(['create', 'namespace', name]);
  const inside = (args: readonly string[], input?: string) => kubectl(['-n', name, ...args], input);
  return {
    name,
    kubectl: inside,
    apply: (...items) => void inside(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items })),
    get: (kind, object) => {
      const found = inside(['get', kind, object, '--ignore-not-found', '-o', 'json']);
      return found === '' ? undefined : JSON.parse(found);
    },
    async [Symbol.asyncDispose]() {
      kubectl(['delete', 'namespace', name, '--grace-period=1', '--wait=true']);
      await makeVolumesFree();
    },
  };
}

/** A volume whose claim is gone keeps its data for a person. Here it is emptied, and may be claimed again. */
async function makeVolumesFree(): Promise<void> {
  interface Volumes {
    items: { metadata: { name: string }; spec: { local?: { path: string } }; status: { phase: string } }[];
  }
  const released = (): Volumes['items'] =>
    (JSON.parse(kubectl(['get', 'persistentvolumes', '-o', 'json'])) as Volumes).items.filter(
      ({ status }) => status.phase === 'Released',
    );
  for (const { metadata, spec } of released()) {
    if (spec.local) execFileSync('find', [spec.local.path, '-mindepth', '1', '-delete']);
    kubectl(['patch', 'persistentvolume', metadata.name, '-p', '{"spec":{"claimRef":null}}']);
  }
  await until(async () => released().length === 0, { what: 'all volumes are free', seconds: 30 });
}

/** Brings an image with this machine's Redis to the node. */
export function loadRedisImage(): void {
  const dir = nodeDirectory();
  const tar = tarNamed(dir, REDIS_IMAGE);
  if (existsSync(tar)) return;
  const folder = mkdtempSync(join(tmpdir(), 'redis-backup-image-'));
  try {
    fillWithPrograms(folder, { 'redis-server': findBinary('redis-server'), 'redis-cli': findBinary('redis-cli') });
    packImage({ name: REDIS_IMAGE, command: ['redis-server'] }, [folder], tar);
    nodeWithin(dir).load(tar);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
