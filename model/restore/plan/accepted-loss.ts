/** Between the plan that somebody read and the restore keys come and go: so many more are no other loss. */
const DRIFT_PART = 0.1;
const DRIFT_KEYS = 10;

/**
 * What `--accept-loss` takes: which loss is meant, and how many keys it costs. Who has accepted that 120 keys are lost has not
 * accepted 50,000.
 * @param digest - of what the loss is made of
 */
export const lossToken = (digest: string, keys: number): string => `${digest}-${keys}`;

/** Whether what somebody has accepted is this loss, and no greater one. */
export function isAccepted(token: string | undefined, digest: string, keys: number): boolean {
  const [, meant, count] = /^([0-9a-f]+)-(\d+)$/.exec(token ?? '') ?? [];
  return meant === digest && keys <= Number(count) + Math.max(DRIFT_KEYS, Number(count) * DRIFT_PART);
}
