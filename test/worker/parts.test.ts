import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../config/load.ts';
import { queuesHere } from '../../worker/parts.ts';

describe('The places that a worker polls for', () => {
  const dir = mkdtempSync(join(tmpdir(), 'redis-backup-parts-'));
  after(() => rmSync(dir, { recursive: true }));

  const queues = async (kubeconfig: string, ...namespaces: string[]) => {
    const helper = { image: 'redis-backup', configMap: 'redis-backup' };
    const instances = namespaces.map((namespace, index) => {
      const platform = { type: 'kubernetes', namespace, statefulSet: 'redis', kubeconfig, helper };
      return [`redis-${index}`, { url: 'redis://redis:6379', platform }];
    });
    const config = {
      repository: { url: `file://${dir}/backups` },
      worker: { host: 'here' },
      instances: { main: { url: 'redis://127.0.0.1:6379' }, ...Object.fromEntries(instances) },
    };
    const file = join(dir, 'redis-backup.yaml');
    writeFileSync(file, JSON.stringify(config));
    return queuesHere(await loadConfig(file));
  };

  it('are its machine, and each namespace of a cluster that it reaches, once', async () => {
    const kubeconfig = join(dir, 'kubeconfig');
    writeFileSync(kubeconfig, '');
    assert.deepEqual(await queues(kubeconfig, 'shop', 'shop', 'other'), ['host/here', 'kubernetes/shop', 'kubernetes/other']);
  });

  it('are its machine alone where it does not reach the cluster', async () => {
    assert.deepEqual(await queues(join(dir, 'none'), 'shop'), ['host/here']);
  });
});
