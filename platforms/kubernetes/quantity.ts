const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
  Pi: 1024 ** 5,
};

/** Bytes of a quantity of Kubernetes, such as `512Mi`, `2G` or `1e9`; undefined for none. */
export function bytesOf(text: string | undefined): number | undefined {
  const [, digits, suffix = ''] = /^(\d+(?:\.\d+)?(?:[eE]\d+)?)([A-Za-z]*)$/.exec(text ?? '') ?? [];
  const factor = FACTORS[suffix];
  return digits === undefined || factor === undefined ? undefined : Math.floor(Number(digits) * factor);
}
