import { expect, test } from 'vitest';
import { describeUnless } from '../describe-unless.ts';
import { ROUTES } from '@provider-access/events/routes';
import { serviceOf } from '../gateway.ts';
import { exampleValues } from './examples.ts';
import { noHelm } from '@provider-access/cluster/programs';
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
/** The operations of export on a Group need a pattern. */
const isPattern = (row: string): boolean => row.includes('[');

/** The table by which all other deployments route. */
const table = ROUTES.map(({ prefix, service }) => `${prefix} ${service}`);

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
    expect(open!.filter((row) => !isPattern(row)).toSorted(byText)).toEqual(
      table.filter((row) => !isInternal(row)).toSorted(byText),
    );
    // People sign in at the internal host, where their routes are.
    const ofPeople = ['/auth auth', '/portal auth'];
    expect(internal!.toSorted(byText)).toEqual([...ofPeople, ...table.filter(isInternal)].toSorted(byText));
    // ingress-nginx looks for its pattern at the beginning of a path; a gateway compares the whole path.
    const patterns = open!.filter(isPattern).map((row) => row.split(' '));
    expect(patterns.map(([, exporter]) => exporter)).toEqual(['export', 'export']);
    const all = patterns.map(([pattern]) => new RegExp(kind === 'Ingress' ? `^${pattern}` : `^(?:${pattern})$`));
    const onGroup = ['$export', '$davinci-data-export', '$export/', '', '$exports', 'x/$export'];
    for (const path of [
      ...onGroup.map((end) => `/fhir/Group/g1/${end}`),
      ...['$provider-member-match', '$provider-member-match/', 'g1/$provider-member-match'].map(
        (end) => `/fhir/Group/${end}`,
      ),
    ])
      expect(
        all.some((pattern) => pattern.test(path)),
        path,
      ).toBe(serviceOf(path) === 'export');
  });

  test('routes of each process and of operators are not public', async () => {
    for (const name of ['small', 'production', 'gateway']) {
      const routes = (await render([exampleValues(name)])).filter(
        ({ kind, metadata }) => ['Ingress', 'HTTPRoute'].includes(kind) && !metadata.name.endsWith('-internal'),
      );
      const text = JSON.stringify(routes);
      expect(routes).toHaveLength(1);
      for (const path of ['/health', '/metrics', '/events', '/ops']) expect(text).not.toContain(path);
      // As a prefix, the path of the first page would lead every other path to auth.
      const root = /"path":"\/","pathType":"(\w+)"|"path":\{"type":"(\w+)","value":"\/"\}/g;
      expect([...text.matchAll(root)].map(([, ingress, route]) => ingress ?? route)).toEqual(['Exact']);
    }
  });
});
