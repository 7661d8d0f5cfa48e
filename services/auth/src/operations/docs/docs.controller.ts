import { join } from 'node:path';
import { Controller, Get, Header, Inject, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refusal } from '@provider-access/kernel';
import { acceptsGzip } from '@provider-access/service/http';
import { etagOf, isNotModified } from '@provider-access/service/operation';
import { readOpenApi, Site } from './site.ts';

/** Where the repository and the image have the files: the parent of `services/`. */
const ROOT = join(import.meta.dirname, '../../../../..');

/** What the controller serves. */
export interface Documentation {
  readonly site: Site;
  /** The text of docs/openapi.json. */
  readonly openApi: Buffer | undefined;
}
export const DOCUMENTATION = Symbol('Documentation');
export const installed = (sandbox: boolean): Documentation => ({
  site: new Site(join(ROOT, 'docs/dist'), sandbox ? 'This is a sandbox: all data is synthetic.' : undefined),
  openApi: readOpenApi(join(ROOT, 'docs/openapi.json')),
});

/**
 * Pages run their own scripts only, and talk to this server only. Icons of the theme are `data:` images in its style
 * sheet. A picture has its colours in a style element of its own, and runs nothing.
 */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

const NOT_BUILT = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>The documentation is not built</title>
<h1>The documentation is not built</h1>
<p>Run <code>npm run docs</code> in the repository, then load this page again. It takes half a minute.</p>
<p>The same pages are in the folder <code>docs/</code> of the repository.</p>
</html>
`;

/** The documentation site and the OpenAPI document (ADR 0040): public files, without any data of members or clients. */
@Controller()
export class DocsController {
  constructor(@Inject(DOCUMENTATION) private readonly documentation: Documentation) {}

  @Get('openapi.json')
  @Header('content-type', 'application/json; charset=utf-8')
  @Header('cache-control', 'public, max-age=300')
  @Header('access-control-allow-origin', '*')
  openApi(): Buffer {
    const { openApi } = this.documentation;
    if (openApi === undefined) throw new Refusal('not-found', 'This installation has no OpenAPI document.');
    return openApi;
  }

  /**
   * A page has one URL. Other spellings that readers try (without `.html`, with `.md`, a slash too many) lead there,
   * because links of a page are relative to its URL. The router removes a slash at the end, so the URL is asked for it.
   */
  @Get(['docs', 'docs/*'])
  async file(
    @Param('*') path: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const slash = /^[^?]*\/(?:\?|$)/.test(request.url);
    const asked = `${(path ?? '').replace(/\/$/, '')}${slash ? '/' : ''}`.replace(/^\/$/, '');
    const page = this.documentation.site.pageOf(asked);
    const here = page === asked && (slash || page !== '');
    if (page === undefined || here) await this.send(page?.replace(/(^|\/)$/, '$1index.html') ?? asked, request, reply);
    else await reply.redirect(`/docs/${page}`, 301);
  }

  private async send(name: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { site } = this.documentation;
    void reply.headers({
      'content-security-policy': name.endsWith('.svg') ? PICTURE_POLICY : PAGE_POLICY,
      // A name in assets/ changes with its content.
      'cache-control': name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
    const found = await site.file(name);
    const file = found ?? (await site.file('404.html'));
    if (found === undefined) void reply.code(404).header('cache-control', 'no-store');
    if (file === undefined) return void (await reply.type('text/html; charset=utf-8').send(NOT_BUILT));
    const { type, version, gzipped, plain } = file;
    void reply.headers({ 'content-type': type, vary: 'accept-encoding', etag: etagOf(version) });
    if (found !== undefined && isNotModified(request.headers, version, 'not-match')) await reply.code(304).send();
    else if (!acceptsGzip(request.headers['accept-encoding'])) await reply.send(await plain());
    else await reply.header('content-encoding', 'gzip').send(gzipped);
  }
}
