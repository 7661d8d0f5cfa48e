import { Controller, Inject } from '@nestjs/common';
import { noticeLinks } from '@provider-access/domain/pdex/notices';
import { JSON_TYPE } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation } from '@provider-access/service/operation';
import { type AuthConfig, CONFIG } from '../../config.ts';
import { DOCUMENTATION, type Documentation } from '../docs/docs.controller.ts';
import { escaped, publicHeaders, publicPage, wantsPage } from '../public-pages/page.ts';

/** What a client needs to begin: the answer of `/` as JSON, and the links of the page. URLs are absolute. */
const linksOf = (publicUrl: string) => ({
  fhir: `${publicUrl}/fhir`,
  capabilities: `${publicUrl}/fhir/metadata`,
  discovery: `${publicUrl}/fhir/.well-known/smart-configuration`,
  openapi: `${publicUrl}/openapi.json`,
  documentation: `${publicUrl}/docs/`,
});

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
    const headers = publicHeaders('accept');
    if (!wantsPage(request.headers.accept)) return { headers, body: this.json };
    const body = page(this.config, this.documentation.site.built());
    return { headers: { ...headers, 'content-type': 'text/html; charset=utf-8' }, body };
  }
}

const link = (url: string, title: string, what: string): string =>
  `<dt><a href="${escaped(url)}">${title}</a></dt><dd>${what}</dd>`;
const NO_PAGES =
  '<dt>Documentation</dt><dd>Nobody has built the pages on this server yet. <code>npm run docs</code> builds ' +
  'them in the repository.</dd>';

/** `built`: whether this server has the pages of the documentation. */
function page({ sandbox, publicUrl }: AuthConfig, built: boolean): string {
  const { fhir, capabilities, discovery, openapi, documentation: docs } = linksOf(publicUrl);
  const links = noticeLinks(publicUrl);
  const start = 'Register an app, get a token, export the data of your patients.';
  const pages =
    link(docs, 'Documentation', 'Tutorials, how-to pages and reference.') +
    link(`${docs}tutorials/provider.html`, 'Start as a provider’s developer', start) +
    link(`${publicUrl}/portal/developer`, 'Your app', 'Register it, change its keys, and look at its exports.') +
    link(`${docs}api/`, 'HTTP API', 'Every route, with a console that sends requests to this server.');
  const clients =
    `<dt>Base URL of the FHIR API</dt><dd><code>${escaped(fhir)}</code></dd>` +
    link(capabilities, 'CapabilityStatement', 'What this server offers.') +
    link(discovery, 'SMART configuration', 'Where an app registers and gets its tokens.') +
    link(openapi, 'OpenAPI document', 'For generators and for tools such as Postman.') +
    link(`${publicUrl}/status`, 'Status', 'Whether this server answers, and whether its data is up to date.');
  const people =
    link(links.notice, 'For members', 'What is shared with your doctors, and how you say no.') +
    link(links.providers, 'For providers', 'How to ask for data, and how attribution works here.');
  return publicPage({
    language: 'en',
    title: NAME,
    main: `<h1>${NAME}</h1>
${sandbox ? '<p class="notice">This is a sandbox: all data is synthetic.</p>' : ''}
<p>In-network providers get their patients’ data here, as CMS-0057-F (42 CFR 422.121) asks of payers.</p>
<h2>For people</h2>
<dl>${people}${built ? pages : NO_PAGES}</dl>
<h2>For clients</h2>
<dl>${clients}</dl>
`,
  });
}
