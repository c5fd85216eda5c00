import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '../../config/load.ts';
import { keepApiKey } from '../../worker/keep-api-key.ts';
import { until } from '../support/until.ts';

describe('The API key of Temporal', () => {
  it('is taken over by a worker that runs, when its file has changed', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'redis-backup-api-key-'));
    const file = join(directory, 'key');
    await writeFile(file, 'first\n');
    const text = `repository: { url: file:///b }\ntemporal: { apiKey: { file: ${file} } }\ninstances:\n  main: { url: redis://127.0.0.1 }\n`;
    const given: string[] = [];
    const connection = { setApiKey: async (key: string) => void given.push(key) };
    const stop = keepApiKey(connection, parseConfig(text, join(directory, 'redis-backup.yaml')), { everyMs: 5 });
    await until(() => given.length === 1, { what: 'it was read' });
    await writeFile(file, '');
    await writeFile(file, 'second\n');
    await until(() => given.at(-1) === 'second', { what: 'it was read anew' });
    stop();
    assert.deepEqual(given, ['first', 'second']);
    await rm(directory, { recursive: true });
  });
});
