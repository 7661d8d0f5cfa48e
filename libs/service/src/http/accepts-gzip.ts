/** Whether the client accepts gzip (RFC 9110 §12.5.3): `gzip` or `*` with a weight above zero. Default: plain. */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  let star = false;
  for (const item of (acceptEncoding ?? '').toLowerCase().split(',')) {
    const [coding = '', ...parameters] = item.split(';').map((s) => s.trim());
    const q = parameters.find((p) => p.startsWith('q='));
    const weight = q === undefined ? 1 : Number(q.slice(2));
    if (coding === 'gzip' || coding === 'x-gzip') return weight > 0;
    if (coding === '*') star = weight > 0;
  }
  return star;
}
