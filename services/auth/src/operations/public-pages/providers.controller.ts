import { Controller, Inject } from '@nestjs/common';
import { excludesDrugs } from '@provider-access/domain/pdex/labels';
import { noticeLinks, noticePlaces } from '@provider-access/domain/pdex/notices';
import { Parties } from '@provider-access/facts';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, operation, Operation } from '@provider-access/service/operation';
import { type AuthConfig, CONFIG } from '../../config.ts';
import { rulesOf, type RunningPolicy } from './attribution-rules.ts';
import { linesOfBusiness } from './lines-of-business.ts';
import { filledHtml } from './notice-html.ts';
import { escaped, NO_REFERRER, publicHeaders, publicPage } from './page.ts';

const PROVIDERS = operation({
  route: 'GET /providers',
  callers: 'anybody',
  tag: 'Apps and tokens',
  summary: 'Tell providers how they ask for data',
  description:
    'A page for providers: how to ask for the data of patients, how attribution works here, and which lines of ' +
    'business are open. It is made from the running configuration, and holds no data of members.',
  answer: { description: 'A page.', type: 'text/html', schema: { type: 'string' } },
});

/** `/providers`: help in plain language for providers (42 CFR 422.121(a)(5); PEOPLE.md N50). */
@Controller()
export class ProvidersController {
  constructor(
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Parties) private readonly parties: Parties,
  ) {}

  @Operation(PROVIDERS)
  providers(): Answer {
    const { labels, holdsUntilNotice } = this.config;
    const now = this.ports.clock.now();
    const policy = { excludesDrugs: excludesDrugs(labels, now), holdsUntilNotice };
    const lines = linesOfBusiness(this.parties.registry.lines.current(), now);
    return {
      headers: { ...publicHeaders(), ...NO_REFERRER, 'content-language': 'en' },
      body: pageOf(this.config, policy, lines),
    };
  }
}

const list = (tag: 'ol' | 'ul', items: readonly string[]): string =>
  `<${tag}>${items.map((item) => `<li>${item}</li>`).join('')}</${tag}>\n`;
const link = (url: string, title: string): string => `<a href="${escaped(url)}">${escaped(title)}</a>`;

function pageOf({ notices, publicUrl, sandbox }: AuthConfig, policy: RunningPolicy, lines: readonly string[]): string {
  const places = noticePlaces(notices, publicUrl, 'provider-letter', 'en');
  const value = (name: string): string => filledHtml(places[name]!);
  const links = noticeLinks(publicUrl);
  const { holds, never } = rulesOf(policy);
  const method = notices.attribution?.en;
  const title = 'Get your patients’ data';
  return publicPage({
    language: 'en',
    title,
    main:
      (sandbox ? '<p class="notice">This is a sandbox: all data is synthetic.</p>\n' : '') +
      `<h1>${title} from ${value('payer')}</h1>\n` +
      '<p>Are you a doctor or a practice in our network? Then your computer system can get the health data that we ' +
      'have of your patients. You pay us nothing for it.</p>\n' +
      '<h2 id="shared">What you get</h2>\n' +
      list('ul', [
        'visits and care that we paid for, without the amounts',
        'health problems, tests and shots, if we have them',
        `prior approvals${policy.excludesDrugs ? ', but not those for drugs' : ', those for drugs included'}`,
      ]) +
      '<p>Some sensitive data stay with us, unless the member agrees.</p>\n' +
      '<h2 id="request">How to ask</h2>\n' +
      list('ol', [
        'Ask the maker of your computer system whether it speaks to a “Provider Access API”.',
        `The maker registers the system: ${link(`${links.docs}tutorials/provider.html`, 'the steps for the maker')}.`,
        'The registration names your NPI or your TIN. We check that it is yours, and that you are in our network.',
        'Your system then reads the data of one patient, or gets the data of all your patients at once.',
      ]) +
      '<h2 id="attribution">How attribution works here</h2>\n' +
      '<p>You see a member when all of this is true:</p>\n' +
      list('ul', holds.map(escaped)) +
      (never.length === 0 ? '' : `<p>And when none of this is:</p>\n${list('ul', never.map(escaped))}`) +
      `<p>${method === undefined ? '<mark>[HOW THE HEALTH PLAN ATTRIBUTES MEMBERS]</mark>' : escaped(method)}</p>\n` +
      '<p>Is a patient missing on your list? Write or call us with your NPI. A member who changes to you comes onto ' +
      'your list when we have attributed the member to you.</p>\n' +
      '<h2 id="lines">Lines of business</h2>\n' +
      list('ul', lines.map(escaped)) +
      '<h2 id="contacts">Whom to ask</h2>\n' +
      list('ul', [`Telephone: ${value('providerPhone')}`, `Email: ${value('providerEmail')}`]) +
      `<p>${link(links.notice, 'What we tell members')} · ${link(links.docs, 'Documentation for developers')}</p>\n` +
      (places['counsel']!.text === '' ? '' : `<p>${value('counsel')}</p>\n`),
  });
}
