import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { workflowBundle } from '../../worker/workflow-bundle.ts';

describe('The bundle of the workflows', function () {
  this.timeout(60_000);
  const directory = mkdtempSync(fileURLToPath(new URL('../../.cache/bundle-', import.meta.url))); // where it finds the SDK
  after(() => rmSync(directory, { recursive: true }));

  function moduleWith(text: string): string {
    const path = join(directory, `${text.length}.ts`);
    writeFileSync(path, text);
    return path;
  }

  it('is made without a bundler in the memory of the worker', async () => {
    const { code } = await workflowBundle(moduleWith(`export const unlikely = async () => 'made ${Date.now()}';\n`));
    assert.match(code, /unlikely/);
    const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) => /node_modules\/webpack\//.test(path));
    assert.deepEqual(loaded, []);
  });

  it('names what is wrong in the source', async () => {
    await assert.rejects(
      workflowBundle(moduleWith("import { nothing } from './not-there.ts';\nexport { nothing };\n")),
      /not-there/,
    );
  });
});
