import { isIPv6 } from 'node:net';

/** One line of CLIENT LIST, as far as it says whether an application is at work. */
export interface ClientLine {
  /** Without the port; an IPv4 address mapped into IPv6 as IPv4. */
  address: string;
  name: string;
  /** Seconds since it connected, and since its last command. */
  ageSeconds: number;
  idleSeconds: number;
  /** N normal, M primary, S replica, P subscribed, … */
  flags: string;
  /** Last command, lower case, such as `get` or `client|list`; empty if there was none yet. */
  command: string;
}

/** Fields are `name=value` and may come in any order; names of clients have no spaces. Lines that say nothing are left out. */
export function parseClientList(text: string): ClientLine[] {
  return text.split('\n').flatMap((line) => {
    const fields = new Map(line.trim().split(' ').map(fieldOf));
    const address = fields.get('addr');
    if (address === undefined) return [];
    const command = (fields.get('cmd') ?? '').toLowerCase();
    return [
      {
        address: withoutPort(address),
        name: fields.get('name') ?? '',
        ageSeconds: Number(fields.get('age') ?? 0),
        idleSeconds: Number(fields.get('idle') ?? 0),
        flags: fields.get('flags') ?? 'N',
        command: command === 'null' ? '' : command,
      },
    ];
  });
}

function fieldOf(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** `127.0.0.1:50000`, `[::1]:50000`; a Unix socket is `/path:0`. */
function withoutPort(address: string): string {
  const host = address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return isIPv6(host) && host.toLowerCase().startsWith('::ffff:') && host.includes('.') ? host.slice(7) : host;
}
