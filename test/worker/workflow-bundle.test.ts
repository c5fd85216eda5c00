import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { workflowBundle } from '../../worker/workflow-bundle.ts';

const SOURCE = new URL('../../worker/workflow-bundle.ts', import.meta.url).href;
/** Prints whether there is a bundle, and what of the bundler is loaded then. Other tests may have loaded it into this process. */
const IN_A_WORKER = `
  const { workflowBundle } = await import('${SOURCE}');
  const { code } = await workflowBundle(process.argv[1]);
  const { cache } = process.getBuiltinModule('node:module').createRequire('${SOURCE}');
  const bundler = Object.keys(cache).filter((path) => path.includes('/node_modules/webpack/'));
  console.log(JSON.stringify({ isMade: code.includes('unlikely'), bundler }));`;

describe('The bundle of the workflows', function () {
  this.timeout(60_000);
  let directory: string;
  before(() => {
    directory = mkdtempSync(fileURLToPath(new URL('../../.cache/bundle-', import.meta.url))); // where it finds the SDK
  });
  after(() => rmSync(directory, { recursive: true }));

  function moduleWith(text: string): string {
    const path = join(directory, `${text.length}.ts`);
    writeFileSync(path, text);
    return path;
  }

  it('is made without a bundler in the memory of the worker', async () => {
    const workflows = moduleWith(`export const unlikely = async () => 'made ${Date.now()}';\n`);
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', IN_A_WORKER, workflows]);
    assert.deepEqual(JSON.parse(stdout), { isMade: true, bundler: [] });
  });

  it('names what is wrong in the source', async () => {
    await assert.rejects(
      workflowBundle(moduleWith("import { nothing } from './not-there.ts';\nexport { nothing };\n")),
      /not-there/,
    );
  });
});
