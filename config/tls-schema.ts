import { z } from 'zod';
import { secret, section, text } from './fields.ts';

const files = {
  ca: secret('PEM of the authority that signed the server. Absent: the authorities that Node knows.').optional(),
  cert: secret('PEM of the client certificate. Goes with `key`.').optional(),
  key: secret('PEM of the client key. Goes with `cert`.').optional(),
  servername: text('Name that the certificate must carry, when it is not the host of the address.').optional(),
};

/** `tls` of whatever is reached over a network, each with a text of its own. */
export const tls = (about: string) => section(about, z.strictObject(files)).optional();
