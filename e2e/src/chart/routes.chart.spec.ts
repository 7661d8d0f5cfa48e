import { expect, test } from 'vitest';
import { describeUnless } from '../describe-unless.ts';
import { PREFIXES } from '../gateway.ts';
import { exampleValues } from './examples.ts';
import { noHelm } from './helm-program.ts';
import { render, type KubernetesObject } from './helm.ts';

const byText = (a: string, b: string): number => a.localeCompare(b);
interface IngressSpec {
  rules: { http: { paths: { path: string; backend: { service: { name: string } } }[] } }[];
}
interface RouteSpec {
  rules: { matches: { path: { value: string } }[]; backendRefs: { name: string }[] }[];
}

/** `prefix service` of every rule. */
const ofIngress = ({ spec }: KubernetesObject): string[] =>
  (spec as IngressSpec).rules.flatMap(({ http }) =>
    http.paths.map(({ path, backend }) => `${path} ${backend.service.name.split('-').at(-1)}`),
  );
const ofRoute = ({ spec }: KubernetesObject): string[] =>
  (spec as RouteSpec).rules.flatMap(({ matches, backendRefs }) =>
    matches.map(({ path }) => `${path.value} ${backendRefs[0]!.name.split('-').at(-1)}`),
  );
const isInternal = (row: string): boolean => /^\/(events|ops)/.test(row);
/** Promised for later; today auth answers 404. */
const LATER = ['/portal auth'];

/** The table by which the e2e suite routes when services are processes. */
const table = PREFIXES.map(([prefix, service]) => `${prefix} ${service}`);

describeUnless(noHelm, 'routes of the chart', () => {
  test.each([
    ['production', ofIngress, 'Ingress'],
    ['gateway', ofRoute, 'HTTPRoute'],
  ] as const)('%s routes as every other deployment does', async (name, rows, kind) => {
    const routes = (await render([exampleValues(name)])).filter((object) => object.kind === kind);
    const [open, internal] = [
      routes.filter(({ metadata }) => !metadata.name.endsWith('-internal')),
      routes.filter(({ metadata }) => metadata.name.endsWith('-internal')),
    ].map((each) => each.flatMap(rows));
    expect(open!.filter((row) => !LATER.includes(row)).toSorted(byText)).toEqual(
      table.filter((row) => !isInternal(row)).toSorted(byText),
    );
    expect(internal!.toSorted(byText)).toEqual(table.filter(isInternal).toSorted(byText));
  });

  test('what belongs to each process and to operators is not public', async () => {
    for (const name of ['small', 'production', 'gateway']) {
      const routes = (await render([exampleValues(name)])).filter(
        ({ kind, metadata }) => ['Ingress', 'HTTPRoute'].includes(kind) && !metadata.name.endsWith('-internal'),
      );
      const text = JSON.stringify(routes);
      expect(routes).toHaveLength(1);
      for (const path of ['/health', '/metrics', '/events', '/ops', '"/"']) expect(text).not.toContain(path);
    }
  });
});
