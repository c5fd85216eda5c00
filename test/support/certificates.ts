import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificates {
  /** Files, for redis.conf. */
  caFile: string;
  certFile: string;
  keyFile: string;
  /** PEM texts, for a client. */
  ca: string;
  clientCert: string;
  clientKey: string;
}

/** Makes a CA, a certificate for 127.0.0.1 and localhost, and one for a client, with the openssl of the system. */
export function makeCertificates(directory: string): Certificates {
  const at = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => {
    try {
      execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      throw missing ? new Error('openssl is not installed: apt-get install openssl', { cause: error }) : error;
    }
  };
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...ec, '-days', '2', '-subj', '/CN=test CA', '-keyout', at('ca.key'), '-out', at('ca.crt'));
  writeFileSync(at('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  for (const name of ['server', 'client']) {
    openssl('req', ...ec, '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`));
    const signer = ['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial', '-extfile', at('names')];
    openssl('x509', '-req', '-days', '2', '-in', at(`${name}.csr`), ...signer, '-out', at(`${name}.crt`));
  }
  const text = (name: string) => readFileSync(at(name), 'utf8');
  return {
    caFile: at('ca.crt'),
    certFile: at('server.crt'),
    keyFile: at('server.key'),
    ca: text('ca.crt'),
    clientCert: text('client.crt'),
    clientKey: text('client.key'),
  };
}
