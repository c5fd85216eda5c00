import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { workflowBundle } from '../../worker/workflow-bundle.ts';

const SOURCE = new URL('../../worker/workflow-bundle.ts', import.meta.url).href;
/** Prints where the bundle is, and what of the bundler is loaded then. Other tests may have loaded it into this process. */
const IN_A_WORKER = `
  const { workflowBundle } = await import('${SOURCE}');
  const { codePath } = await workflowBundle(process.argv[1]);
  const { cache } = process.getBuiltinModule('node:module').createRequire('${SOURCE}');
  const bundler = Object.keys(cache).filter((path) => path.includes('/node_modules/webpack/'));
  console.log(JSON.stringify({ codePath, bundler }));`;

describe('The bundle of the workflows', function () {
  this.timeout(180_000);
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

  async function madeOf(text: string, env: NodeJS.ProcessEnv = {}): Promise<{ codePath: string; bundler: string[] }> {
    const args = ['--input-type=module', '-e', IN_A_WORKER, moduleWith(text)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } });
    return JSON.parse(stdout);
  }

  it('is made without a bundler in the memory of the worker', async () => {
    const { codePath, bundler } = await madeOf(`export const unlikely = async () => 'made ${Date.now()}';\n`);
    assert.match(readFileSync(codePath, 'utf8'), /unlikely/);
    assert.deepEqual(bundler, []);
    rmSync(codePath);
  });

  it('leaves nothing in the home of its user, which for the user of Redis is the data directory, nor among temporary files', async () => {
    const home = mkdtempSync(join(directory, 'home-'));
    const { codePath } = await madeOf(`export const homely = async () => 'made ${Date.now()}';\n`, { HOME: home, TMPDIR: home });
    rmSync(codePath);
    assert.deepEqual(readdirSync(home), []);
  });

  it('takes one byte a sign in memory, and says the same', async () => {
    const said = '✅ “é” 🙂 → \\u2705';
    const { codePath } = await madeOf(`export const answer = () => '${said}' + ${Date.now()};\n`);
    const script = readFileSync(codePath, 'utf8');
    assert.doesNotMatch(script, /[^\0-\x7f]/);
    const [, literal = ''] = /answer = \(\)\s*=>\s*['"](.*?)['"] \+/.exec(script) ?? [];
    assert.equal(JSON.parse(`"${literal}"`), said.replace('\\u2705', '✅'));
    rmSync(codePath);
  });

  it('names what is wrong in the source', async () => {
    await assert.rejects(
      workflowBundle(moduleWith("import { nothing } from './not-there.ts';\nexport { nothing };\n")),
      /not-there/,
    );
  });
});
