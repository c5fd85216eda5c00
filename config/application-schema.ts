import { z } from 'zod';
import { command, duration, field, flag, httpUrl, name, texts, wholeNumber } from './fields.ts';

const common = {
  name: name('Name of the application, for reports.'),
  required: flag('Whether a restore asks a person when this application does not come back.').default(true),
  timeout: duration('How long it may take to come back after a restore.', { min: '1s', max: '1h' }).prefault('60s'),
};

/** An entry of `instances.*.applications`. */
export const application = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: field(z.literal('http'), { about: 'Asks a health page of the application.', allowed: 'http' }),
    url: httpUrl('Page to ask.'),
    expectStatus: field(z.array(z.int().min(100).max(599)).min(1), {
      about: 'HTTP statuses that mean health.',
      allowed: 'a list of HTTP statuses, such as [200, 204]',
    }).default([200]),
    ...common,
  }),
  z.strictObject({
    kind: field(z.literal('clients'), { about: 'Looks for its connections in CLIENT LIST.', allowed: 'clients' }),
    addresses: texts('Networks that it connects from.', 'a list of IP addresses or networks, such as [10.0.0.0/24]').optional(),
    names: texts('Globs over its client names (CLIENT SETNAME).', 'a list of globs, such as [api-*]').optional(),
    quorum: wholeNumber('Connections that must be there.', 1, 100_000).default(1),
    ...common,
  }),
  z.strictObject({
    kind: field(z.literal('command'), { about: 'Runs a command, which must exit with 0.', allowed: 'command' }),
    command: command('The command, without a shell.'),
    ...common,
  }),
]);
