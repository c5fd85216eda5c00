import { messageOf } from '../model/errors.ts';
import type { AuthenticationSource } from '../model/recovery/settings.ts';

/** Requests a second, or why they are not known. */
export type RateLook = { perSecond: number } | { why: string };

const ANSWER_WITHIN_MS = 5000;
/** An answer that is larger is none of ours. */
const MOST_BYTES = 1024 * 1024;

/** Asks the source once. A redirect is no answer: it may lead to a sign-in page. What went wrong is told without the query. */
export async function lookAtAuthenticationRate(
  source: Pick<AuthenticationSource, 'kind' | 'url' | 'query' | 'field'>,
  { signal, answerWithinMs = ANSWER_WITHIN_MS }: { signal?: AbortSignal; answerWithinMs?: number } = {},
): Promise<RateLook> {
  const asked = source.kind === 'prometheus' ? queryUrl(source) : source.url;
  const answer = await ask(asked, answerWithinMs, signal);
  signal?.throwIfAborted();
  if ('why' in answer) return { why: `${withoutSecrets(source.url)} ${answer.why}` };
  const value = source.kind === 'prometheus' ? valueOfPrometheus(answer.json) : valueAt(answer.json, source.field ?? '');
  if (typeof value === 'string') return { why: `${withoutSecrets(source.url)} ${value}` };
  if (Number.isFinite(value) && value >= 0) return { perSecond: value };
  return { why: `${withoutSecrets(source.url)} gives ${value}, which is no rate` };
}

function queryUrl({ url, query = '' }: Pick<AuthenticationSource, 'url' | 'query'>): string {
  if (!URL.canParse(url)) return url;
  const asked = new URL(url);
  asked.pathname = `${asked.pathname.replace(/\/$/, '')}/api/v1/query`;
  asked.searchParams.set('query', query);
  return asked.href;
}

async function ask(url: string, withinMs: number, signal?: AbortSignal): Promise<{ json: unknown } | { why: string }> {
  const late = AbortSignal.timeout(withinMs);
  try {
    const response = await fetch(url, { redirect: 'manual', signal: signal ? AbortSignal.any([signal, late]) : late });
    const text = await textOf(response);
    if (text === undefined) return { why: `answers more than ${MOST_BYTES} bytes` };
    const json = parsed(text);
    // Prometheus says in the body of a 400 what is wrong with the query.
    if (!response.ok) return { why: `answers with status ${response.status}${errorIn(json)}` };
    return json === undefined ? { why: 'answers what is no JSON' } : { json };
  } catch (error) {
    if (late.aborted) return { why: `gives no answer within ${withinMs} ms` };
    const { cause } = error as { cause?: { code?: string } };
    return { why: `cannot be asked: ${cause?.code ?? (cause ? messageOf(cause) : 'it is no URL that can be asked')}` };
  }
}

async function textOf({ body }: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) return undefined; // leaving the loop cancels the rest
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // JSON has no undefined: the caller tells it apart
  }
}

const errorIn = (json: unknown): string => {
  const { error } = (json ?? {}) as { error?: unknown };
  return typeof error === 'string' ? `: ${error.slice(0, 200)}` : '';
};

/** An instant vector of one series, or a scalar: `[time, "value"]`. A text says what it is instead. */
function valueOfPrometheus(json: unknown): number | string {
  const { status, data } = (json ?? {}) as { status?: unknown; data?: { resultType?: unknown; result?: unknown } };
  if (status !== 'success' || !data) return `answers no result of a query${errorIn(json)}`;
  const { resultType, result } = data;
  if (resultType === 'scalar') return numberIn(result);
  if (resultType !== 'vector' || !Array.isArray(result)) return `gives a ${String(resultType)}: the query must give one number`;
  if (result.length === 0) return 'gives no series for the query: nothing is measured under that name now';
  if (result.length > 1) return `gives ${result.length} series: the query must add them up, as with sum(…)`;
  return numberIn((result[0] as { value?: unknown }).value);
}

const numberIn = (pair: unknown): number | string =>
  Array.isArray(pair) && pair.length === 2 ? numberOf(pair[1]) : 'answers a value that is none of Prometheus';

/** `auth.rate`, `services.0.rate`. */
function valueAt(json: unknown, field: string): number | string {
  let at: unknown = json;
  for (const name of field.split('.')) {
    const isThere = typeof at === 'object' && at !== null && Object.hasOwn(at, name);
    if (!isThere) return `has no field ${field}`;
    at = (at as Record<string, unknown>)[name];
  }
  const value = numberOf(at);
  return typeof value === 'string' ? `has no number in field ${field}` : value;
}

function numberOf(value: unknown): number | string {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.trim() === '') return 'answers no number';
  const number = Number(value);
  return Number.isNaN(number) && value !== 'NaN' ? 'answers no number' : number;
}

/** Without user, password and query: what is told goes into reports. */
function withoutSecrets(url: string): string {
  if (!URL.canParse(url)) return 'the source';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
