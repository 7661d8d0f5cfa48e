import { join } from 'node:path';
import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refusal } from '@provider-access/kernel';
import { etagOf, isNotModified } from '@provider-access/service/operation';
import { NO_REFERRER } from '../public-pages/page.ts';
import { type BuiltFile, BuiltPages, codingFor } from './built-pages.ts';

export const BUILT_PAGES = Symbol('BuiltPages');
/** Where the repository and the image have the pages. */
export const builtPages = (): BuiltPages =>
  new BuiltPages(join(import.meta.dirname, '../../../../..', 'services/portal/dist/site'));

/**
 * The pages run scripts of their own files only, and talk to this server only (ADR 0139). No code may turn a text into
 * markup or into a script (Trusted Types), so a text of a stranger stays a text.
 */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
const HEADERS = {
  'content-security-policy': POLICY,
  ...NO_REFERRER,
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** Files whose names do not change. */
const OTHERS = /^(?:icon\.svg|licences-\w+\.txt)$/;

/** The pages for people: `/portal` and the pages below it. They are public files, and hold no data. */
@Controller('portal')
export class PortalController {
  constructor(@Inject(BUILT_PAGES) private readonly built: BuiltPages) {}

  @Get(['', '*'])
  async file(
    @Param('*') path: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const built = this.built.current();
    if (built === undefined)
      throw new Refusal('not-found', 'The pages are not built on this server. Run `npm run build` in the repository.');
    const name = (path ?? '').replace(/\/$/, '');
    const isFile = name.startsWith('assets/') || OTHERS.test(name);
    const found = built.files.get(isFile ? name : (built.pages.get(name) ?? ''));
    if (isFile && found === undefined) throw new Refusal('not-found', 'There is no such file.');
    // The page itself says that there is no such page.
    const file = found ?? built.files.get('index.html');
    if (file === undefined) throw new Refusal('not-found', 'The pages are not built on this server.');
    void reply.headers({
      ...HEADERS,
      // A name in assets/ changes with its content.
      'cache-control': name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
    if (found === undefined) void reply.code(404).header('cache-control', 'no-store');
    await send(file, found !== undefined, request, reply);
  }
}

async function send(file: BuiltFile, found: boolean, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { type, version, plain } = file;
  void reply.headers({ 'content-type': type, vary: 'accept-encoding', etag: etagOf(version) });
  if (found && isNotModified(request.headers, version, 'not-match')) return void (await reply.code(304).send());
  const coding = codingFor(file, request.headers['accept-encoding']);
  if (coding === undefined) await reply.send(plain);
  else await reply.header('content-encoding', coding).send(file.coded.get(coding));
}
