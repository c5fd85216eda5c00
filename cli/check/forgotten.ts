import { instanceNames } from '../../config/load.ts';
import { forgottenInstances } from '../remove/keepers.ts';
import type { TemporalSession } from '../temporal.ts';
import { type CheckContext, type Finding, findings, warning } from './finding.ts';

/** Nothing goes on for an instance that was taken out of the configuration: its archiver fails for ever, and nobody looks. */
export const checkForgotten = ({ config }: CheckContext, session: TemporalSession): Promise<Finding[]> =>
  findings('forgotten instances', async () =>
    (await forgottenInstances(session, instanceNames(config))).map((instance) =>
      warning(
        'forgotten instances',
        `a schedule, an archiver or a watcher goes on for ${instance}, which the configuration does not have`,
        `Run \`redis-backup remove ${instance} --dry-run\`, which says what; or put instances.${instance} back.`,
      ),
    ),
  );
