import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { messageOf, RecoveryError } from '../model/errors.ts';
import type { Alarm } from '../model/watch/watch.ts';
import { type Alert, instanceOfAlert, readDelivery } from './alertmanager.ts';

const MAX_BODY_BYTES = 1024 * 1024;
/** A caller that sends slowly holds a connection no longer than this. */
const REQUEST_MS = 10_000;

/** Label `source` of the rules in deploy/prometheus: what a worker has seen is no second side. */
const OWN_SOURCE = 'redis-backup';

export interface WebhookDeps {
  /** How long one request may take. Default 10 s. */
  requestMs?: number;
  host: string;
  port: number;
  /** Read anew for each request: a rotated one needs no restart. */
  token(): Promise<string>;
  /** By name: whether it is watched. */
  watched(instance: string): boolean | undefined;
  /** Tells the watcher, and starts it where it doesn't run. @throws when Temporal does not answer */
  raise(instance: string, alarm: Alarm): Promise<string>;
}

export interface Webhook {
  port: number;
  close(): void;
}

/** What became of one alert. Alertmanager throws it away; a person who tries it out with curl reads it. */
interface Delivered {
  incident: string;
  instance?: string;
  answer?: string;
  note?: string;
}

/** An answer other than 200. */
class Refusal extends Error {
  readonly status: number;
  readonly next: string;

  constructor(status: number, message: string, next: string) {
    super(message);
    this.status = status;
    this.next = next;
  }
}

/**
 * Takes alerts of Alertmanager at `POST /alert`. What no watcher is for is answered with 200 and a note, or Alertmanager would
 * send it again and again; 503 asks it to do just that.
 * @throws RecoveryError `CONFIG_INVALID` when it cannot listen there
 */
export async function serveWebhook(deps: WebhookDeps): Promise<Webhook> {
  const { host, port } = deps;
  const { requestMs = REQUEST_MS } = deps;
  // All three: the limit of the headers, when it is the longer one, takes the place of that of the request.
  const limits = { requestTimeout: requestMs, headersTimeout: requestMs, connectionsCheckingInterval: requestMs / 10 };
  const server: Server = createServer(limits, (request, response) => {
    void answer(deps, request).then(
      (alerts) => send(response, 200, { alerts }),
      (error) => refuse(response, error),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  }).catch((error) => {
    throw new RecoveryError('CONFIG_INVALID', `worker.webhook: cannot listen on ${host}:${port}: ${messageOf(error)}`, {
      next: 'Choose a free port, and an address of this machine.',
    });
  });
  server.unref();
  const address = server.address();
  return { port: typeof address === 'object' ? (address?.port ?? port) : port, close: () => server.close() };
}

async function answer(deps: WebhookDeps, request: IncomingMessage): Promise<Delivered[]> {
  const path = (request.url ?? '').split('?', 1)[0];
  if (path !== '/alert') throw new Refusal(404, 'there is only /alert', 'Send alerts to /alert.');
  if (request.method !== 'POST') throw new Refusal(405, `${request.method} is not taken`, 'Send alerts by POST.');
  const token = await deps.token().catch((error) => {
    throw new Refusal(503, messageOf(error), 'Mend worker.webhook.token.');
  });
  if (!isSame(request.headers.authorization ?? '', `Bearer ${token}`))
    throw new Refusal(401, 'the token is missing or wrong', 'Give it as `Authorization: Bearer …`: http_config.authorization.');
  const alerts = readDelivery(await bodyOf(request));
  if (typeof alerts === 'string') throw new Refusal(400, alerts, 'Send what webhook_config of Alertmanager sends, version 4.');
  try {
    return await deliver(deps, alerts);
  } catch (error) {
    throw new Refusal(503, `the watcher could not be told: ${messageOf(error)}`, 'Send it again: it is taken once.');
  }
}

/** By digests: of one length, so that neither time nor length says anything of the token. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const tooLarge = () => new Refusal(413, `the body has more than ${MAX_BODY_BYTES} bytes`, 'Set max_alerts of webhook_config.');
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** One after the other: a watcher that has started a recovery for the first answers the others at once. */
async function deliver({ watched, raise }: WebhookDeps, alerts: readonly Alert[]): Promise<Delivered[]> {
  const delivered: Delivered[] = [];
  for (const alert of alerts) {
    const incident = `${alert.fingerprint}@${alert.startsAt}`;
    const { name: instance, note } = instanceOfAlert(alert, (name) => watched(name) !== undefined);
    if (instance === undefined) delivered.push({ incident, note });
    else if (alert.labels.source === OWN_SOURCE)
      delivered.push({ incident, instance, note: 'it repeats what the watcher has seen itself' });
    else if (alert.status === 'resolved') delivered.push({ incident, instance, note: 'resolved: the watcher sees that itself' });
    else if (!watched(instance)) delivered.push({ incident, instance, note: `instances.${instance}.watch is not configured` });
    else {
      const by = `alert ${(alert.labels.alertname ?? 'of Alertmanager').slice(0, 100)}`;
      delivered.push({ incident, instance, answer: await raise(instance, { incident, by, startsAt: alert.startsAt }) });
    }
  }
  return delivered;
}

function refuse(response: ServerResponse, error: unknown): void {
  const { status, message, next } =
    error instanceof Refusal ? error : new Refusal(400, 'the request was cut short', 'Send it again.');
  if (status === 405) response.setHeader('allow', 'POST');
  if (status === 401) response.setHeader('www-authenticate', 'Bearer');
  response.setHeader('connection', 'close'); // what is left of a body is not read
  send(response, status, { error: message, next });
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}
