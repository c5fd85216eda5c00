/** One alert of a delivery, as far as it says anything to a watcher. */
export interface Alert {
  status: 'firing' | 'resolved';
  labels: Record<string, string>;
  fingerprint: string;
  startsAt: string;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Reads a delivery of Alertmanager's webhook, version 4.
 * @returns why it is none, as a text
 * @see https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 */
export function readDelivery(body: string): Alert[] | string {
  let given: unknown;
  try {
    given = JSON.parse(body);
  } catch {
    return 'the body is not JSON';
  }
  if (!isObject(given)) return 'the body is not one JSON object';
  if (given.version !== undefined && given.version !== '4') return `version is ${JSON.stringify(given.version)}, it must be "4"`;
  if (!Array.isArray(given.alerts)) return 'alerts is not a list';
  const alerts = given.alerts.map(readAlert);
  const bad = alerts.find((alert) => typeof alert === 'string');
  return bad === undefined ? (alerts as Alert[]) : bad;
}

function readAlert(given: unknown, index: number): Alert | string {
  const at = `alerts[${index}]`;
  if (!isObject(given)) return `${at} is not an object`;
  const { status, labels, fingerprint, startsAt } = given;
  if (status !== 'firing' && status !== 'resolved') return `${at}.status is neither "firing" nor "resolved"`;
  if (!isObject(labels)) return `${at}.labels is not an object`;
  if (typeof fingerprint !== 'string' || !/^[\w-]{1,100}$/.test(fingerprint)) return `${at}.fingerprint is missing`;
  const atMs = typeof startsAt === 'string' ? Date.parse(startsAt) : Number.NaN;
  if (Number.isNaN(atMs)) return `${at}.startsAt is not a time`;
  const texts = Object.entries(labels).filter((label): label is [string, string] => typeof label[1] === 'string');
  return { status, labels: Object.fromEntries(texts), fingerprint, startsAt: new Date(atMs).toISOString() };
}

/** The label that names an instance; `instance` is Prometheus' own, mostly an address, and counts only if we know the name. */
export function instanceOfAlert({ labels }: Alert, isKnown: (name: string) => boolean): { name?: string; note?: string } {
  const { redis_instance: own, instance } = labels;
  if (own !== undefined) return isKnown(own) ? { name: own } : { note: `no instance is called ${own.slice(0, 100)}` };
  if (instance !== undefined && isKnown(instance)) return { name: instance };
  return { note: 'no label redis_instance names an instance' };
}
