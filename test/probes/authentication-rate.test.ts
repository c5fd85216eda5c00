import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { lookAtAuthenticationRate } from '../../probes/authentication-rate.ts';

/** A page that answers as the test says. */
class Page {
  readonly #server: Server;
  asked: string[] = [];
  answer: { status?: number; body: string; headers?: Record<string, string> } | 'silence' = { body: '' };

  private constructor() {
    this.#server = createServer((request, response) => {
      this.asked.push(request.url ?? '');
      if (this.answer === 'silence') return;
      response.writeHead(this.answer.status ?? 200, this.answer.headers).end(this.answer.body);
    });
  }

  static async open(): Promise<Page> {
    const page = new Page();
    page.#server.listen(0, '127.0.0.1');
    await once(page.#server, 'listening');
    return page;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

describe('The rate of authentication requests', () => {
  let page: Page;
  beforeEach(async () => {
    page = await Page.open();
  });
  afterEach(() => page.close());

  const query = 'sum(rate(login_total{realm="a b"}[1m]))';
  const prometheus = (data: unknown, parts: { url?: string; status?: number } = {}) => {
    page.answer = { status: parts.status ?? 200, body: JSON.stringify(data) };
    return lookAtAuthenticationRate({ kind: 'prometheus', url: parts.url ?? page.url, query });
  };
  const success = (resultType: string, result: unknown) => ({ status: 'success', data: { resultType, result } });
  const http = (body: string, field = 'auth.rate', url = page.url) => {
    page.answer = { body };
    return lookAtAuthenticationRate({ kind: 'http', url, field });
  };
  const whyOf = (look: { perSecond: number } | { why: string }): string => ('why' in look ? look.why : `${look.perSecond}`);

  it('is what a query to Prometheus gives: a vector of one, or a scalar', async () => {
    assert.deepEqual(await prometheus(success('vector', [{ metric: {}, value: [1, '4.5'] }])), { perSecond: 4.5 });
    assert.deepEqual(await prometheus(success('scalar', [1, '7']), { url: `${page.url}/behind/` }), { perSecond: 7 });
    assert.deepEqual(
      page.asked.map((url) => new URL(url, page.url)).map(({ pathname, searchParams }) => [pathname, searchParams.get('query')]),
      [
        ['/api/v1/query', query],
        ['/behind/api/v1/query', query],
      ],
    );
  });

  it('is not known from a query that gives none, several or no number, and the reason is said', async () => {
    assert.match(whyOf(await prometheus(success('vector', []))), /gives no series/);
    const two = [{ value: [1, '1'] }, { value: [1, '2'] }];
    assert.match(whyOf(await prometheus(success('vector', two))), /gives 2 series: the query must add them up/);
    assert.match(whyOf(await prometheus(success('matrix', []))), /gives a matrix/);
    assert.match(whyOf(await prometheus(success('vector', [{ value: [1, 'NaN'] }]))), /gives NaN, which is no rate/);
    assert.match(whyOf(await prometheus(success('scalar', [1]))), /none of Prometheus/);
    assert.match(whyOf(await prometheus({ status: 'error', error: 'parse error' }, { status: 400 })), /status 400: parse error/);
  });

  it('is a field of a JSON page', async () => {
    assert.deepEqual(await http('{"auth":{"rate":3}}'), { perSecond: 3 });
    assert.deepEqual(await http('[{"rate":"2.5"}]', '0.rate'), { perSecond: 2.5 });
    assert.match(whyOf(await http('{"auth":{}}')), /has no field auth\.rate/);
    assert.match(whyOf(await http('{"auth":{"rate":null}}')), /has no number in field auth\.rate/);
    assert.match(whyOf(await http('{"auth":{"rate":-1}}')), /gives -1, which is no rate/);
    assert.match(whyOf(await http('<html>')), /answers what is no JSON/);
    assert.match(whyOf(await http('{}', 'constructor.name')), /has no field/);
  });

  it('is not known from a source that is away, silent, or sends elsewhere, and no secret is told', async () => {
    assert.match(whyOf(await http('x'.repeat(2 * 1024 * 1024))), /more than/);
    page.answer = { status: 302, body: '', headers: { location: '/login' } };
    assert.match(
      whyOf(await lookAtAuthenticationRate({ kind: 'http', url: `${page.url}/a?token=s3cret`, field: 'a' })),
      /\/a answers with status 302$/,
    );
    page.answer = 'silence';
    const silent = await lookAtAuthenticationRate({ kind: 'http', url: page.url, field: 'a' }, { answerWithinMs: 50 });
    assert.match(whyOf(silent), /gives no answer within 50 ms/);
    const { url } = page;
    page.close();
    assert.match(whyOf(await lookAtAuthenticationRate({ kind: 'http', url, field: 'a' })), /cannot be asked: ECONNREFUSED/);
    const refused = whyOf(await lookAtAuthenticationRate({ kind: 'http', url: 'http://ann:s3cret@127.0.0.1:1/', field: 'a' }));
    assert.doesNotMatch(refused, /s3cret/);
  });

  it('is not waited for when that is no longer wanted', async () => {
    page.answer = 'silence';
    const stop = new AbortController();
    const look = lookAtAuthenticationRate({ kind: 'http', url: page.url, field: 'a' }, { signal: stop.signal });
    stop.abort();
    await assert.rejects(look, { name: 'AbortError' });
  });
});
