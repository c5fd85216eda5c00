/** `bundle-workflows.ts MODULE`: prints the workflows of a module as one script for Temporal's sandbox. */
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const [workflowsPath = ''] = process.argv.slice(2);
const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
process.stdout.write(code);
