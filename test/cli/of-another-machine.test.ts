import assert from 'node:assert/strict';
import { openSite } from './support/command.ts';

const CONFIG = `
worker: { host: here }
instances:
  main:
    url: redis://127.0.0.1:1
    platform: { type: process, host: db7, configFile: /etc/redis/redis.conf, start: { systemd: redis.service } }`;

describe('What only the machine of a Redis can do', () => {
  for (const command of ['restore main --direct --plan', 'restore main --direct --yes', 'leftovers main'])
    it(`is refused by name elsewhere: ${command}`, async () => {
      await using site = await openSite(CONFIG);
      const { code, stderr } = await site.run(command);
      assert.equal(code, 53, stderr);
      assert.ok(stderr.endsWith('error: main runs on db7, and this is here\nnext: Run this on db7.\n'), stderr);
    });
});
