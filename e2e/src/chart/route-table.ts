import { type Route, ROUTES } from '@provider-access/events/routes';

const isOpen = ({ host }: Route): boolean => host !== 'inside';
const isInside = ({ host }: Route): boolean => host !== 'open';
const line = ({ prefix, service, exact }: Route): string =>
  `- { prefix: ${prefix}, service: ${service}${exact === true ? ', exact: true' : ''} }`;
const define = (name: string, routes: readonly Route[]): string =>
  [`{{- define "${name}" -}}`, ...routes.map(line), '{{- end }}'].join('\n');

/** What the templates of the Ingress and of the HTTPRoute read. */
export const routeTable = (): string =>
  [
    '{{- /* Generated from libs/events/src/routes.ts by `npm run chart`: which prefix belongs to whom. */}}',
    define('pa.publicRoutes', ROUTES.filter(isOpen)),
    '',
    define('pa.internalRoutes', ROUTES.filter(isInside)),
    '',
  ].join('\n');
