import { messageOf } from '../model/errors.ts';
import type { HttpProbe, Sighting } from './application-probe.ts';

const ANSWER_WITHIN_MS = 2000;

/** Asks every URL once, at the same time. A redirect is not an answer: it may lead to a sign-in page that is always up. */
export async function lookAtHttp(
  { urls, answerWithinMs = ANSWER_WITHIN_MS }: HttpProbe,
  signal?: AbortSignal,
): Promise<Sighting> {
  const reasons = await Promise.all(urls.map((url) => reasonAgainst(url, answerWithinMs, signal)));
  signal?.throwIfAborted();
  const seen = urls.filter((_, index) => reasons[index] === undefined).map(withoutSecrets);
  const stragglers = urls.flatMap((url, index) =>
    reasons[index] === undefined ? [] : [`${withoutSecrets(url)} (${reasons[index]})`],
  );
  return { seen, stragglers };
}

/** `undefined` if it answers 2xx. */
async function reasonAgainst(url: string, withinMs: number, signal?: AbortSignal): Promise<string | undefined> {
  const late = AbortSignal.timeout(withinMs);
  try {
    const response = await fetch(url, { redirect: 'manual', signal: signal ? AbortSignal.any([signal, late]) : late });
    await response.body?.cancel();
    return response.ok ? undefined : `status ${response.status}`;
  } catch (error) {
    if (late.aborted) return `no answer within ${withinMs} ms`;
    const { cause } = error as { cause?: { code?: string } };
    return cause?.code ?? (cause ? messageOf(cause) : 'not a URL that can be asked');
  }
}

/** Without user, password and query: verdicts go into reports. */
function withoutSecrets(url: string): string {
  if (!URL.canParse(url)) return 'not a URL';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
