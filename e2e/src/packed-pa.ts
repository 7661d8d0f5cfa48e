import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundlePa } from '@provider-access/image';
import { PACKED_PA } from './pa.ts';

/** Set-up of the suites that start `pa` many times. It is packed from the sources once for each run. */
export async function setup(): Promise<void> {
  const { code } = await bundlePa(join(import.meta.dirname, '../..'));
  mkdirSync(dirname(PACKED_PA), { recursive: true });
  writeFileSync(PACKED_PA, code);
}
