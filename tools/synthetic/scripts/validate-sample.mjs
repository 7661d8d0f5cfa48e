#!/usr/bin/env node
/**
 * What a provider would get of some synthetic members (roster included, money removed by @provider-access/pdex) as one
 * NDJSON file, and, with --validator, HL7's engine over it:
 *
 *   node --conditions=@provider-access/source scripts/validate-sample.mjs --members 50 --seed s1 --out sample.ndjson
 * [--validator PATH]
 *
 * PATH is a program that takes NDJSON files as arguments and exits 1 on an error. IGS, if set, goes through to it.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { redact } from '@provider-access/domain/pdex';
import { syntheticPayer } from '@provider-access/synthetic';

const { values } = parseArgs({
  options: {
    members: { type: 'string', default: '50' },
    first: { type: 'string', default: '1' },
    seed: { type: 'string', default: 's1' },
    'as-of': { type: 'string', default: '2026-11-24T12:00:00Z' },
    out: { type: 'string', default: 'sample.ndjson' },
    validator: { type: 'string' },
  },
});
const first = Number(values.first);
const last = first + Number(values.members) - 1;
const payer = syntheticPayer({ seed: values.seed, members: last, asOf: values['as-of'] });
const file = openSync(values.out, 'w');
let count = 0;
const write = (resource) => {
  const result = redact(resource);
  writeSync(file, `${JSON.stringify(result.resource ?? result)}\n`);
  count++;
};
payer.roster.resources.forEach(write);
for (let n = first; n <= last; n++)
  for (const { resource } of payer.ledger.member(n).resources.values()) write(resource);
closeSync(file);
console.log(`${count} resources of ${last - first + 1} members in ${values.out}`);
if (values.validator === undefined)
  console.log(
    'Validate with: --validator PATH, or give the file to a validator that loads US Core 6.1.0, CARIN BB 2.1.0 and ' +
      'PDex 2.2.0.',
  );
else process.exitCode = spawnSync(values.validator, [values.out], { stdio: 'inherit' }).status ?? 2;
