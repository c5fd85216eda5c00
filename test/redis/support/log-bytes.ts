/** Commands as a log has them. */
export type Words = readonly (string | Buffer | number)[];

export function command(...args: Words): Buffer {
  const parts = args.map((arg) => (Buffer.isBuffer(arg) ? arg : Buffer.from(`${arg}`)));
  return Buffer.concat([
    Buffer.from(`*${parts.length}\r\n`),
    ...parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n')]),
  ]);
}

export const log = (...parts: (Buffer | string)[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part)));

/** In pieces of the sizes given, over and over. */
export function* piecesOf(bytes: Buffer, ...sizes: number[]): Generator<Buffer> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? bytes.length;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

export async function* streamOf(bytes: Buffer, ...sizes: number[]): AsyncGenerator<Buffer> {
  yield* piecesOf(bytes, ...sizes);
}
