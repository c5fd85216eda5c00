import { crc64Module, INPUT, INPUT_BYTES, STRIDE, TABLES } from './crc64-wasm.ts';

/** The little of WebAssembly that is used here; TypeScript has its types only together with those of a browser. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  Instance: new (module: object) => { exports: { memory: { buffer: ArrayBuffer }; update(length: number): void } };
};

/** The polynomial of Redis (Jones), 0xad93d23594c935a9, with its bits reversed. */
const POLYNOMIAL = 0x95ac9329ac4bc9b5n;

/** Table t has the CRC of each byte with t zero bytes behind it. */
function makeTables(): BigUint64Array {
  const tables = new BigUint64Array(STRIDE * 256);
  const at = (index: number): bigint => tables[index] ?? 0n;
  for (let byte = 0; byte < 256; byte++) {
    let crc = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ (crc & 1n ? POLYNOMIAL : 0n);
    tables[byte] = crc;
  }
  for (let index = 256; index < tables.length; index++) {
    const before = at(index - 256);
    tables[index] = (before >> 8n) ^ at(Number(before & 0xffn));
  }
  return tables;
}

interface Summer {
  /** The CRC, low half first. */
  state: Uint32Array;
  input: Uint8Array;
  update(length: number): void;
}

let shared: Summer | undefined;

/** One for all: each call is over before another begins. */
function summer(): Summer {
  if (shared === undefined) {
    const { memory, update } = new WebAssembly.Instance(new WebAssembly.Module(crc64Module())).exports;
    new BigUint64Array(memory.buffer, TABLES).set(makeTables());
    const input = new Uint8Array(memory.buffer, INPUT, INPUT_BYTES);
    shared = { state: new Uint32Array(memory.buffer, 0, 2), input, update };
  }
  return shared;
}

/** A running CRC64 (Jones, start 0, no final xor): the checksum of RDB files and of DUMP payloads. */
export class Crc64 {
  #low = 0;
  #high = 0;

  update(bytes: Uint8Array): void {
    const { state, input, update } = summer();
    state[0] = this.#low;
    state[1] = this.#high;
    for (let from = 0; from < bytes.length; from += INPUT_BYTES) {
      const part = bytes.length <= INPUT_BYTES ? bytes : bytes.subarray(from, from + INPUT_BYTES);
      input.set(part);
      update(part.length);
    }
    this.#low = state[0] ?? 0;
    this.#high = state[1] ?? 0;
  }

  get value(): bigint {
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }
}

/** The CRC64 of bytes that are all there. */
export function crc64(bytes: Uint8Array): bigint {
  const crc = new Crc64();
  crc.update(bytes);
  return crc.value;
}
