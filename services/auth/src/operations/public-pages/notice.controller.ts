import { PAGE_LANGUAGES, type PageLanguage } from '@provider-access/kernel';
import { Controller, Inject } from '@nestjs/common';
import type { NoticeTemplate } from '@provider-access/domain/pdex/notices';
import { type Answer, type Asked, operation, Operation } from '@provider-access/service/operation';
import { type AuthConfig, CONFIG } from '../../config.ts';
import { languageOf } from './language.ts';
import { languageNav, sandboxNotice } from './language-nav.ts';
import { noticeHtml } from './notice-html.ts';
import { NO_REFERRER, publicHeaders, publicPage } from './page.ts';

/** What `?show=` may ask for. */
const FORMS = ['opt-out-form', 'opt-in-form'] as const satisfies readonly NoticeTemplate[];

const NOTICE = operation({
  route: 'GET /notice',
  callers: 'anybody',
  tag: 'Apps and tokens',
  summary: 'Tell members what is shared and how they opt out',
  description:
    'A page for members, in English or Spanish: why the payer shares data, how to opt out and how to opt back in. It ' +
    'holds no data of members and sets no cookie.',
  query: {
    parameters: [
      { name: 'lang', description: '`en` or `es`. Without it, or with another value, `Accept-Language` decides.' },
      { name: 'show', description: '`opt-out-form` or `opt-in-form`: a form to print, in place of the page.' },
    ],
  },
  answer: { description: 'A page.', type: 'text/html', schema: { type: 'string' } },
});

/** `/notice`: what members must find on a public page (42 CFR 422.121(a)(4)(ii)(D); PEOPLE.md N33, N42). */
@Controller()
export class NoticeController {
  private readonly pages = new Map<string, string>();

  constructor(@Inject(CONFIG) private readonly config: AuthConfig) {
    for (const language of PAGE_LANGUAGES)
      for (const template of ['web-page', ...FORMS] as const)
        this.pages.set(`${template} ${language}`, pageOf(template, language, config));
  }

  @Operation(NOTICE)
  notice({ request, given }: Asked<typeof NOTICE>): Answer {
    const language = languageOf(given.get('lang'), request.headers['accept-language']);
    const template = FORMS.find((form) => form === given.get('show')) ?? 'web-page';
    return {
      headers: { ...publicHeaders('accept-language'), ...NO_REFERRER, 'content-language': language },
      body: this.pages.get(`${template} ${language}`)!,
    };
  }
}

function pageOf(template: NoticeTemplate, language: PageLanguage, config: AuthConfig): string {
  const { title, html } = noticeHtml(template, language, config.notices, config.publicUrl);
  const show = template === 'web-page' ? '' : `&amp;show=${template}`;
  return publicPage({
    language,
    title,
    before: languageNav('/notice', language, show),
    main: sandboxNotice(language, config.sandbox) + html,
  });
}
