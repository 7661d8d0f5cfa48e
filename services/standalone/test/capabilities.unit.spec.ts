import { type Descriptor, operationsOf } from '@provider-access/service/operation';
import { expect, test } from 'vitest';
import { controllersOf } from '../scripts/openapi/controllers.ts';

interface Entry {
  readonly type: string;
  readonly interaction: readonly { readonly code: string }[];
  readonly conditionalRead?: string;
  readonly operation?: readonly object[];
}
const source = (file: string): Promise<unknown> => import(new URL(`../../resources/src/${file}`, import.meta.url).href);
const { capabilityStatement } = (await source('operations/metadata/capability-statement.ts')) as {
  capabilityStatement(publicUrl: string, operations: readonly Descriptor[]): string;
};
const controllers = await controllersOf('src');
const { rest } = JSON.parse(capabilityStatement('https://pa.example', operationsOf(controllers.get('resources')!))) as {
  readonly rest: readonly [{ readonly resource: readonly Entry[] }];
};
const declared = operationsOf([...controllers.values()].flat());

test.each(rest[0].resource.map((entry) => [entry.type, entry] as const))(
  'the CapabilityStatement has for %s what the operations of the services declare',
  (type, { interaction, conditionalRead, operation = [] }) => {
    const named = declared.filter(({ route }) => new RegExp(`^\\w+ /fhir/${type}(/|$)`).test(route));
    const any = declared.filter(({ route }) => /^\w+ \/fhir\/\{type\}/.test(route));
    // A type whose path is written out, such as Group, has only the interactions of its own operations.
    const own = named.some((one) => one.interaction !== undefined) ? named : [...named, ...any];
    const codes = new Set(own.flatMap((one) => one.interaction ?? []));
    expect(new Set(interaction.map(({ code }) => code))).toEqual(codes);
    expect(conditionalRead).toBe(own.find((one) => one.conditional !== undefined)?.conditional);
    for (const { capability } of own) if (capability !== undefined) expect(operation).toContainEqual(capability);
    expect(codes.size).toBeGreaterThan(0);
  },
);
