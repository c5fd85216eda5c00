import { z } from 'zod';
import { absolutePath, command, duration, field, matching, NAME_ALLOWED, name, section, text, wholeNumber } from './fields.ts';

/** How long a Redis that was started may stand still. */
const noProgress = () =>
  duration(
    'How long a Redis that a restore has started may stand still on its way to serving, with no progress of its load: then everything is put back.',
    { min: '5s', max: '1h' },
  ).prefault('60s');

/** Of a namespace, a StatefulSet, a container: a label of DNS, or several with dots. */
const ofKubernetes = (about: string) =>
  matching(
    /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
    about,
    'a name of Kubernetes: small letters, digits, hyphens and dots, such as redis',
  );

const start = z.strictObject({
  command: command('Starts Redis by this command, without a shell.').optional(),
  cwd: absolutePath('Directory that the command starts in. Only with `command`.').optional(),
  logFile: absolutePath('File that gets what the command prints. Only with `command`.').optional(),
  systemd: matching(
    /^[A-Za-z0-9_][\w@.:\\-]*\.service$/,
    'Starts and stops Redis as this systemd unit.',
    'a unit, such as redis-server.service',
  ).optional(),
});

const helper = z.strictObject({
  image: text('Image with `redis-backup` in it.', 'the name of an image, such as registry.example/redis-backup:1'),
  configMap: ofKubernetes('ConfigMap of that namespace that has redis-backup.yaml, as the workers have it.'),
  secret: ofKubernetes(
    'Secret of that namespace whose keys are environment variables, for what the file names by `{env: …}`.',
  ).optional(),
});

/** `instances.*.platform`. */
export const platform = z.discriminatedUnion('type', [
  z.strictObject({
    type: field(z.literal('process'), {
      about: 'A process of a machine, started by a command or by systemd.',
      allowed: 'process',
    }),
    host: field(name('').optional(), {
      about: 'Machine that Redis runs on; a worker with this `worker.host` must run there.',
      allowed: NAME_ALLOWED,
      byDefault: '`worker.host`',
    }),
    configFile: absolutePath(
      "Redis' own configuration file, the one that `start` starts it with: names the data directory even when Redis is down.",
      '/etc/redis/redis.conf',
    ),
    start: section('How Redis is started: exactly one of `command` and `systemd`.', start),
    port: wholeNumber(
      'Port of Redis itself, where the url is that of something before it, such as a TLS terminator.',
      1,
      65_535,
    ).optional(),
    socket: absolutePath('The same, of a Redis that listens on a Unix socket alone.', '/run/redis/redis.sock').optional(),
    pidFile: absolutePath('File with the process id, when the process cannot be found by its port.').optional(),
    noProgress: noProgress(),
  }),
  z.strictObject({
    type: field(z.literal('kubernetes'), {
      about: 'The pod of a StatefulSet, with its data on a claim.',
      allowed: 'kubernetes',
    }),
    namespace: ofKubernetes('Namespace of the StatefulSet.'),
    statefulSet: ofKubernetes('Name of the StatefulSet. It has one replica.'),
    container: ofKubernetes(
      'Which container of its pod is the Redis. By default the only one that looks like it: by its command, its image, its port.',
    ).optional(),
    kubeconfig: absolutePath(
      'How the cluster is reached. By default as KUBECONFIG says, else as a pod of it, else as ~/.kube/config says.',
      '/etc/redis-backup/kubeconfig',
    ).optional(),
    context: text('Context of that kubeconfig. By default its current one.').optional(),
    helper: section('The pod that reaches the files on the claim while an operation needs them.', helper),
    noProgress: noProgress(),
  }),
  z.strictObject({
    type: field(z.literal('external'), {
      about: 'Reached over the Redis protocol only: backups, but no `replace` restores.',
      allowed: 'external',
    }),
  }),
]);
