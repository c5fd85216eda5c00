/**
 * A Kubernetes node by hand: `node test/kubernetes/node/main.ts up|down [DIRECTORY]`, or `run -- COMMAND…` for a command that has it
 * for as long as it runs: KUBECONFIG names it, and the command is in its network.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { within } from './network.ts';
import { startNode, stopNode } from './node.ts';
import { BIN } from './settings.ts';

const BY_HAND = 'redis-backup-by-hand';
const [action, ...rest] = process.argv.slice(2);
const dir = resolve(rest[0] ?? join(tmpdir(), 'redis-backup-node'));

switch (action) {
  case 'up': {
    mkdirSync(dir, { recursive: true });
    const { kubeconfig, network } = await startNode(dir, BY_HAND);
    console.log(
      `ready: ${within(network, [join(BIN, 'kubectl'), '--kubeconfig', kubeconfig, 'get', 'pods', '-A'])
        .flat()
        .join(' ')}`,
    );
    break;
  }
  case 'down':
    await stopNode(dir, BY_HAND);
    break;
  case 'run':
    process.exitCode = await run(rest.slice(rest.indexOf('--') + 1));
    break;
  default:
    console.error('node test/kubernetes/node/main.ts up|down [DIRECTORY] | run -- COMMAND…');
    process.exitCode = 2;
}

async function run(command: readonly string[]): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined); // the command hears it, and ends first
  const own = mkdtempSync(join(tmpdir(), 'redis-backup-node-'));
  const network = `redis-backup-${process.pid}`;
  try {
    const node = await startNode(own, network);
    const [file, args] = within(network, command);
    const env = { ...process.env, KUBECONFIG: node.kubeconfig, KUBERNETES_NODE_DIR: own };
    return spawnSync(file, args, { stdio: 'inherit', env }).status ?? 1;
  } finally {
    await stopNode(own, network);
    rmSync(own, { recursive: true, force: true });
  }
}
