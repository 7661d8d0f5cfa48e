import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVICES } from '@provider-access/events';
import { type Route, ROUTES } from '@provider-access/events/routes';
import { ROOT } from '../chart/paths.ts';

const isOpen = ({ host }: Route): boolean => host !== 'inside';
const EXPORT_OPERATIONS = [
  '`/fhir/Group/{id}/$export`',
  '`/fhir/Group/{id}/$davinci-data-export`',
  '`/fhir/Group/$provider-member-match`',
];
const OF_EACH = /^\/ops\/(\w+)\/(?:auth|attribution|consent|resources|export)$/;
/** A prefix that a longer one of another service continues. */
const isRest = ({ prefix, service }: Route): boolean =>
  prefix === '/fhir/Group' ||
  ROUTES.some((other) => other.service !== service && other.prefix.startsWith(`${prefix}/`));
const cell = (route: Route): string =>
  `\`${route.prefix}\`${route.exact === true ? ' alone' : isRest(route) ? ' (everything else)' : ''}`;

/** One row for each service and host, as Prettier writes a table that is wider than the page. */
function markdown(): string {
  const rowsOf = (host: string, routes: readonly Route[]): string[] =>
    SERVICES.flatMap((service) => {
      const cells = routes.filter((route) => route.service === service).map(cell);
      if (host === 'everybody' && service === 'export') cells.unshift(...EXPORT_OPERATIONS);
      return cells.length === 0 ? [] : [`| ${cells.join(', ')} | ${service} | ${host} |`];
    });
  const ofEach = new Set(ROUTES.flatMap(({ prefix }) => OF_EACH.exec(prefix)?.[1] ?? []));
  return [
    '| path | service | for |',
    '| --- | --- | --- |',
    ...rowsOf('everybody', ROUTES.filter(isOpen)),
    ...rowsOf(
      'the payer alone',
      ROUTES.filter((route) => !isOpen(route) && !OF_EACH.test(route.prefix)),
    ),
    `| ${[...ofEach].map((kind) => `\`/ops/${kind}/{service}\``).join(', ')} | that service | the payer alone |`,
  ].join('\n');
}

/** Pages of docs that have the table of routes, between `<!-- routes -->` and `<!-- end -->`. */
export const PAGES_WITH_ROUTES = ['docs/architecture.md', 'docs/deployment.md'];

/** @returns the page with its table renewed (`npm run chart` writes it) */
export function renewed(page: string): string {
  const parts = readFileSync(join(ROOT, page), 'utf8').split(/(?<=<!-- routes -->\n)[\s\S]*?(?=<!-- end -->)/);
  if (parts.length !== 2) throw new Error(`${page} has no place for the routes`);
  return parts.join(`\n${markdown()}\n\n`);
}

if (import.meta.main) for (const page of PAGES_WITH_ROUTES) writeFileSync(join(ROOT, page), renewed(page));
