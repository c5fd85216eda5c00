import type { Config } from '../config/config.ts';
import { resolveTemporal } from '../config/resolve.ts';

const EVERY_MS = 60_000;

/**
 * Gives a connection the API key of Temporal anew when it has changed: keys end, and a worker runs for months.
 * @returns ends it
 */
export function keepApiKey(
  connection: { setApiKey(apiKey: string): Promise<void> },
  config: Config,
  { everyMs = EVERY_MS, resolve = resolveTemporal } = {},
): () => void {
  if (!config.temporal.apiKey) return () => undefined;
  let given: string | undefined;
  const look = async (): Promise<void> => {
    const { apiKey } = await resolve(config);
    if (apiKey === undefined || apiKey === given) return;
    await connection.setApiKey(apiKey);
    given = apiKey;
  };
  // A file that is half written has no key yet: looked at again.
  const timer = setInterval(() => void look().catch(() => undefined), everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
