import { createHash } from 'node:crypto';
import { Controller, Inject } from '@nestjs/common';
import { JSON_TYPE } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation } from '@provider-access/service/operation';
import { type AuthConfig, CONFIG } from '../../config.ts';
import { DOCUMENTATION, type Documentation } from '../docs/docs.controller.ts';

/** What a client needs to begin: the answer of `/` as JSON, and the links of the page. URLs are absolute. */
const linksOf = (publicUrl: string) => ({
  fhir: `${publicUrl}/fhir`,
  capabilities: `${publicUrl}/fhir/metadata`,
  discovery: `${publicUrl}/fhir/.well-known/smart-configuration`,
  openapi: `${publicUrl}/openapi.json`,
  documentation: `${publicUrl}/docs/`,
});

const STYLE = `
:root { color-scheme: light dark }
body { max-width: 42rem; margin: 0 auto; padding: 2rem 1rem; font: 1rem/1.5 system-ui, sans-serif;
  background: light-dark(#fff, #1b1b1f); color: light-dark(#1b1b1f, #eee) }
h1 { line-height: 1.2 }
dt { font-weight: 600; margin-top: 1rem }
dd { margin: 0 }
a, code { overflow-wrap: anywhere }
a { color: light-dark(#0b57d0, #a8c7fa) }
.notice { border: 1px solid; border-radius: .25rem; padding: .5rem 1rem }
`;
const POLICY =
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; img-src 'self'; ` +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** A browser names `text/html`; other clients ask for JSON or for anything. */
const wantsPage = (accept: string | undefined): boolean =>
  /\btext\/html\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(accept ?? '');

const HOME = operation({
  route: 'GET /',
  callers: 'anybody',
  tag: 'Apps and tokens',
  summary: 'Find the API and its documentation',
  description: 'The URLs that a client begins with. A browser gets a page with the same links.',
  answer: {
    description: 'Absolute URLs.',
    type: JSON_TYPE,
    schema: {
      type: 'object',
      required: ['name', 'sandbox', 'fhir', 'capabilities', 'discovery', 'openapi', 'documentation'],
      properties: {
        name: { type: 'string' },
        sandbox: { type: 'boolean', description: 'Whether all data is synthetic.' },
        fhir: { type: 'string', description: 'Base URL of the FHIR API.' },
        capabilities: { type: 'string', description: 'The CapabilityStatement.' },
        discovery: { type: 'string', description: 'The SMART configuration.' },
        openapi: { type: 'string', description: 'This document.' },
        documentation: { type: 'string', description: 'The pages for people.' },
      },
    },
  },
});

const NAME = 'Provider Access API';

/** `/`: a page with the few links that a person needs, and the same as JSON for clients. It holds no data. */
@Controller()
export class HomeController {
  private readonly json: string;

  constructor(
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(DOCUMENTATION) private readonly documentation: Documentation,
  ) {
    this.json = JSON.stringify({ name: NAME, sandbox: config.sandbox, ...linksOf(config.publicUrl) });
  }

  @Operation(HOME)
  home({ request }: Asked<typeof HOME>): Answer {
    const headers = {
      vary: 'accept',
      'cache-control': 'public, max-age=300',
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
    };
    if (!wantsPage(request.headers.accept)) return { headers, body: this.json };
    const body = page(this.config, this.documentation.site.built());
    return { headers: { ...headers, 'content-type': 'text/html; charset=utf-8' }, body };
  }
}

const text = (value: string): string =>
  value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
const link = (url: string, title: string, what: string): string =>
  `<dt><a href="${text(url)}">${title}</a></dt><dd>${what}</dd>`;
const NO_PAGES =
  '<dt>Documentation</dt><dd>Nobody has built the pages on this server yet. <code>npm run docs</code> builds ' +
  'them in the repository.</dd>';

/** `built`: whether this server has the pages of the documentation. */
function page({ sandbox, publicUrl }: AuthConfig, built: boolean): string {
  const { fhir, capabilities, discovery, openapi, documentation: docs } = linksOf(publicUrl);
  const start = 'Register an app, get a token, export the data of your patients.';
  const pages =
    link(docs, 'Documentation', 'Tutorials, how-to pages and reference.') +
    link(`${docs}tutorials/provider.html`, 'Start as a provider’s developer', start) +
    link(`${docs}api/`, 'HTTP API', 'Every route, with a console that sends requests to this server.');
  const clients =
    `<dt>Base URL of the FHIR API</dt><dd><code>${text(fhir)}</code></dd>` +
    link(capabilities, 'CapabilityStatement', 'What this server offers.') +
    link(discovery, 'SMART configuration', 'Where an app registers and gets its tokens.') +
    link(openapi, 'OpenAPI document', 'For generators and for tools such as Postman.');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${NAME}</title>
<link rel="icon" href="/docs/icon.svg" type="image/svg+xml">
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${NAME}</h1>
${sandbox ? '<p class="notice">This is a sandbox: all data is synthetic.</p>' : ''}
<p>In-network providers get their patients’ data here, as CMS-0057-F (42 CFR 422.121) asks of payers.</p>
<h2>For people</h2>
<dl>${built ? pages : NO_PAGES}</dl>
<h2>For clients</h2>
<dl>${clients}</dl>
</main>
</body>
</html>
`;
}
