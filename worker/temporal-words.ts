import { inOurWords, type LibraryWords } from '../model/library-words.ts';

/** What gRPC and its two libraries say of a connection, as a person reads it. The first that fits. */
const OF_GRPC: LibraryWords = [
  [/ECONNREFUSED|ConnectionRefused|Connection refused/, 'nothing listens there'],
  [/ENOTFOUND|EAI_AGAIN|dns error|Name resolution failed/i, 'its host name is not known here'],
  [
    /EPROTO|wrong version number|InvalidContentType|SSL routines/,
    'TLS failed: check temporal.tls, and whether that port speaks TLS',
  ],
  [/before the deadline|Deadline exceeded|DEADLINE_EXCEEDED|Timeout expired|timed out|ETIMEDOUT/i, 'no answer came in time'],
  [/HTTP\/2|http2|GOAWAY|frame|Protocol error/i, 'what answers there does not speak as Temporal does'],
  [
    /ECONNRESET|ConnectionReset|EPIPE|dropped|RST_STREAM|closed|transport error|tonic::|socket hang up/i,
    'the connection was lost',
  ],
];

export const temporalInOurWords = (text: string): string =>
  inOurWords(text, OF_GRPC) ?? (text.split(': Status {', 1)[0] as string);
