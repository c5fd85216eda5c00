/** `bundle-workflows.ts MODULE`: prints the workflows of a module as one script for Temporal's sandbox. */
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const [workflowsPath = ''] = process.argv.slice(2);
const { code } = await bundleWorkflowCode({
  workflowsPath,
  workflowInterceptorModules: [fileURLToPath(new URL('../workflows/interceptors.ts', import.meta.url))],
  logger: new DefaultLogger('ERROR'),
});
process.stdout.write(inAscii(code));

/** One sign beyond Latin-1, be it in a comment, and V8 keeps the whole script in two bytes a sign. In strings, patterns and comments an escape means the same. */
function inAscii(script: string): string {
  return script.replace(/[^\0-\x7f]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
