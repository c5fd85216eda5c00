import { z } from 'zod';
import { absolutePath, field, matching, NAME_ALLOWED, name, secret, section, size, wholeNumber } from './fields.ts';

const HOST = /^[A-Za-z0-9_.:-]+$/;
const HOST_ALLOWED = 'a host name or an IP address';
const address = (about: string, byDefault: string) =>
  field(matching(HOST, about, HOST_ALLOWED).optional(), { about, allowed: HOST_ALLOWED, byDefault });

const live = z.strictObject({
  address: address('Under which Redis reaches this worker.', 'the address of this machine on the way to that Redis'),
  listen: address('Address that the worker listens on.', '`address`'),
  port: field(z.int().min(1).max(65_535).optional(), {
    about: 'Port that the worker listens on.',
    allowed: 'a whole number from 1 to 65535',
    byDefault: 'a free one',
  }),
});

/** `worker`. */
export const worker = z.strictObject({
  host: field(name('').optional(), {
    about: 'Name of the machine the worker runs on: it polls the queue `host/<name>`.',
    allowed: NAME_ALLOWED,
    byDefault: 'the host name of the machine',
  }),
  spool: section(
    'Room on local disk for a snapshot when the store is slower than Redis, so that the fork is not held open. Absent: no spool.',
    z.strictObject({
      directory: absolutePath('Directory of the spool.'),
      maxBytes: size('Most that the spool may hold.').prefault('4GiB'),
    }),
  ).optional(),
  metrics: section(
    'Serves figures for Prometheus at `/metrics`. Absent: none.',
    z.strictObject({
      host: matching(HOST, 'Address to listen on.', HOST_ALLOWED).default('127.0.0.1'),
      port: wholeNumber('Port to listen on.', 1, 65_535),
    }),
  ).optional(),
  webhook: section(
    'Takes alerts of Alertmanager at `/alert`, and tells the watcher of the instance that they name. Absent: none.',
    z.strictObject({
      host: matching(HOST, 'Address to listen on.', HOST_ALLOWED).default('127.0.0.1'),
      port: wholeNumber('Port to listen on.', 1, 65_535),
      token: secret('What callers give as `Authorization: Bearer …`.'),
    }),
  ).optional(),
  live: section(
    'How a Redis reaches this worker while it is loaded live. Whoever connects there and is not that Redis gets nothing.',
    live,
  ).optional(),
});
