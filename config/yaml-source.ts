import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';

/** A YAML text with the way back from a field to its line. */
export interface YamlSource {
  data: unknown;
  /** Line, counted from 1, of the field at this path, or of the nearest section that is there. */
  lineOf(path: readonly PropertyKey[]): number;
  /** What YAML itself finds wrong, such as a key that stands twice. */
  errors: { line: number; message: string }[];
}

/** Parses YAML 1.2: `yes` and `no` are texts, as in redis.conf. */
export function parseYaml(text: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: true });
  const lineAt = (offset: number | undefined) => (offset === undefined ? 1 : Math.max(1, lines.linePos(offset).line));
  const errors = document.errors.map((error) => ({ line: lineAt(error.pos[0]), message: error.message }));
  const lineOf = (path: readonly PropertyKey[]): number => {
    let node: unknown = document.contents;
    let offset = isNode(node) ? node.range?.[0] : undefined;
    for (const key of path) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
        if (!pair) break;
        offset = (isNode(pair.key) ? pair.key.range?.[0] : undefined) ?? offset;
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(key)];
        offset = (isNode(node) ? node.range?.[0] : undefined) ?? offset;
      } else break;
    }
    return lineAt(offset);
  };
  return { data: errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 }), lineOf, errors };
}
