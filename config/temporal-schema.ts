import { z } from 'zod';
import { matching, secret, text } from './fields.ts';
import { tls } from './tls-schema.ts';

/** `temporal`. */
export const temporal = z.strictObject({
  address: matching(
    /^[^\s/:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/,
    'Frontend of the Temporal server.',
    'host:port, such as 127.0.0.1:7233',
  ).optional(),
  namespace: text('Temporal namespace.').optional(),
  profile: text('Profile of the `temporal` CLI to use.').optional(),
  apiKey: secret('API key, for Temporal Cloud.').optional(),
  tls: tls('TLS to Temporal; `tls: {}` is TLS without further settings.'),
});
