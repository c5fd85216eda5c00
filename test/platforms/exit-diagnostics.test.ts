import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryKill, processSince } from '../../platforms/exit-diagnostics.ts';
import { supervisedEnd } from '../../platforms/process/systemd-starter.ts';

describe('What is left of a process that ended', () => {
  let root: string;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'redis-backup-aftermath-'));
    mkdirSync(join(root, 'proc/self'), { recursive: true });
    mkdirSync(join(root, 'cgroup/redis'), { recursive: true });
    mkdirSync(join(root, 'cgroup/memory'), { recursive: true });
  });
  after(() => rmSync(root, { recursive: true }));

  const sources = (kernelLog: string | undefined, group: string, counters: Record<string, string> = {}) => {
    writeFileSync(join(root, 'proc/self/cgroup'), group);
    for (const [file, text] of Object.entries(counters)) writeFileSync(join(root, 'cgroup', file), text);
    return {
      kernelLog: async () => kernelLog ?? Promise.reject(new Error('not permitted')),
      proc: join(root, 'proc'),
      cgroup: join(root, 'cgroup'),
    };
  };
  const KILL = '[12.3] Memory cgroup out of memory: Killed process 4711 (redis-server) total-vm:1kB';

  it('is a kill for memory when the log of the kernel names it', async () => {
    assert.equal((await memoryKill(4711, sources(KILL, ''))).verdict, 'yes');
  });

  it('may be one when the kernel names another number, as it does for a container', async () => {
    assert.equal((await memoryKill(1, sources(KILL, ''))).verdict, 'possible');
  });

  it('may be one when only the counter of a control group speaks, version 1 or 2', async () => {
    const second = sources(undefined, '0::/redis\n', { 'redis/memory.events': 'oom 3\noom_kill 2\n' });
    assert.equal((await memoryKill(1, second)).verdict, 'possible');
    const first = sources(undefined, '4:memory:/elsewhere\n', { 'memory/memory.oom_control': 'under_oom 0\noom_kill 1\n' });
    assert.equal((await memoryKill(1, first)).verdict, 'possible');
    const none = sources(undefined, '0::/redis\n', { 'redis/memory.events': 'oom_kill 0\n' });
    assert.equal((await memoryKill(1, none)).verdict, 'no');
  });

  it('cannot be told where neither is readable', async () => {
    assert.equal((await memoryKill(1, sources(undefined, ''))).verdict, 'unknown');
  });

  it('has the time at which it began, while it is there', async () => {
    const since = (await processSince(process.pid)) ?? Number.NaN;
    assert.ok(Math.abs(since - (Date.now() - process.uptime() * 1000)) < 2_000, `${since}`);
    assert.equal(await processSince(2 ** 22 + 1), undefined);
  });

  it('is what a supervisor says', () => {
    const killed = {
      ExecMainCode: '2',
      ExecMainStatus: '9',
      Result: 'oom-kill',
      ExecMainExitTimestamp: 'Tue 2026-11-24 17:05:51 UTC',
    };
    assert.deepEqual(supervisedEnd(killed), {
      end: { signal: 'SIGKILL', atMs: Date.UTC(2026, 10, 24, 17, 5, 51) },
      oomKilled: true,
      crashLoop: false,
    });
    assert.deepEqual(supervisedEnd({ ExecMainCode: '1', ExecMainStatus: '0', SubState: 'auto-restart' }), {
      end: { code: 0 },
      crashLoop: true,
    });
    assert.deepEqual(supervisedEnd({ ExecMainCode: '0', ExecMainStatus: '0', ExecMainExitTimestamp: 'n/a' }), {
      crashLoop: false,
    });
  });
});
