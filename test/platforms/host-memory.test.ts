import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { hostMemory } from '../../platforms/host/host-memory.ts';

const MEMINFO = 'MemTotal:       16384000 kB\nMemFree:         1000000 kB\nMemAvailable:    8192000 kB\n';

describe('the memory of the host', () => {
  const withFiles = async (files: Record<string, string>, pid?: number) => {
    const root = await mkdtemp(join(tmpdir(), 'redis-backup-memory-'));
    try {
      for (const [name, text] of Object.entries({ 'proc/meminfo': MEMINFO, ...files })) {
        await mkdir(dirname(join(root, name)), { recursive: true });
        await writeFile(join(root, name), text);
      }
      return await hostMemory(pid, { proc: join(root, 'proc'), cgroup: join(root, 'cgroup') });
    } finally {
      await rm(root, { recursive: true });
    }
  };

  it('is what is available, not what is free', async () => {
    assert.deepEqual(await withFiles({}), { availableBytes: 8192000 * 1024, totalBytes: 16384000 * 1024 });
  });

  it('has the tightest limit of the control groups above a process, version 2', async () => {
    const memory = await withFiles(
      {
        'proc/77/cgroup': '0::/system.slice/redis.service\n',
        'cgroup/system.slice/redis.service/memory.max': 'max\n',
        'cgroup/system.slice/redis.service/memory.current': '5000\n',
        'cgroup/system.slice/memory.max': '1000000\n',
        'cgroup/system.slice/memory.current': '400000\n',
      },
      77,
    );
    assert.deepEqual(memory.cgroup, { limitBytes: 1_000_000, usedBytes: 400_000 });
  });

  it('has the limit of version 1, and none where that is a huge number', async () => {
    const files = (limit: string) => ({
      'proc/self/cgroup': '9:cpu,cpuacct:/\n4:memory:/docker/abc\n0::/\n',
      'cgroup/memory/memory.limit_in_bytes': limit,
      'cgroup/memory/memory.usage_in_bytes': '7\n',
    });
    assert.deepEqual((await withFiles(files('123456\n'))).cgroup, { limitBytes: 123_456, usedBytes: 7 });
    assert.equal((await withFiles(files('9223372036854771712\n'))).cgroup, undefined);
  });

  it('is known on this very machine', async () => {
    const { availableBytes, totalBytes } = await hostMemory();
    assert.ok(availableBytes > 0 && availableBytes <= totalBytes);
  });
});
