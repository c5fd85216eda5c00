import { z } from 'zod';
import { DEFAULT_DATA_CLASSES } from '../model/data-class.ts';
import { isName } from '../model/instance.ts';
import { dataClass } from './data-class-schema.ts';
import { field, NAME_ALLOWED, name, section } from './fields.ts';
import { instance } from './instance-schema.ts';
import { repository } from './repository-schema.ts';
import { temporal } from './temporal-schema.ts';
import { worker } from './worker-schema.ts';

/** The whole of redis-backup.yaml. Durations come out as milliseconds, sizes as bytes; config.ts gives them names with units. */
export const configSchema = z.strictObject({
  deployment: field(name('').optional(), {
    about:
      'Name of this deployment. It stands before the names of its queues, workflows and schedules (`staging:restore/main`), so that two can share a Temporal namespace. Absent: no name.',
    allowed: NAME_ALLOWED,
    byDefault: 'none',
  }),
  repository: section('Where backups live.', repository),
  temporal: section(
    'The Temporal server. Absent: what the `temporal` CLI uses (TEMPORAL_ADDRESS, TEMPORAL_PROFILE, …).',
    temporal,
  ).prefault({}),
  worker: section('The worker on this machine.', worker).prefault({}),
  dataClasses: field(z.array(dataClass).optional(), {
    about: 'What the keys are, and what losing them means.',
    allowed: 'a list',
    byDefault: DEFAULT_DATA_CLASSES.map(({ name }) => name).join(', '),
  }),
  instances: field(z.record(z.string().refine(isName), instance), {
    about: 'Every Redis under protection, by name.',
    allowed: 'a section with one entry for each Redis',
  }),
});

export type RawConfig = z.output<typeof configSchema>;
