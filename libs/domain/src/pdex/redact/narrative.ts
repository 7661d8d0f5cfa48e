/** The elements and attributes of a narrative in R4 (txt-1, https://hl7.org/fhir/R4/narrative.html#Narrative). */
const ELEMENTS = words(
  'a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img ' +
    'li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var',
);
const ATTRIBUTES = words(
  'abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff ' +
    'charset cite class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc ' +
    'name nowrap rel rev rowspan rules scope shape span src start style summary tabindex title type valign value ' +
    'vspace width xml:lang xmlns',
);
const URLS = words('cite href longdesc src');
const SCHEMES = words('http https mailto tel urn');
const IMAGE = /^data:image\/(png|gif|jpeg);base64,[A-Za-z0-9+/=]*$/i;
/** Text or a tag. A browser reads each of them as this scanner does. */
const TOKEN = /[^<]+|<(\/?)([A-Za-z][A-Za-z0-9]*)((?:\s+[A-Za-z:]+\s*=\s*(?:"[^"]*"|'[^']*')){0,100})\s*\/?>/y;
const ATTRIBUTE = /([A-Za-z:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
/** What in a style can run something in any browser. A backslash can spell each of these words. */
const ACTIVE_STYLE = /[\\@]|\/\*|expression|behavior|binding|script/i;
const NAMED: Readonly<Record<string, string>> = { amp: '&', quot: '"', apos: "'", lt: '<', gt: '>', nbsp: '\u00a0' };

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}

/**
 * Whether an XHTML fragment has only the elements and attributes of a narrative, and runs nothing. It is an
 * allow-list: what is not understood is not safe.
 */
export function isSafeXhtml(xhtml: unknown): boolean {
  if (typeof xhtml !== 'string') return false;
  for (let at = 0; at < xhtml.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = xhtml.startsWith('<!--', at) ? endOfComment(xhtml, at) : at;
    if (TOKEN.lastIndex > at) continue;
    const token = TOKEN.exec(xhtml);
    if (token === null) return false;
    const [, closing, element, attributes] = token;
    if (element === undefined) continue;
    if (!ELEMENTS.has(element.toLowerCase()) || (closing !== '' && attributes !== '')) return false;
    for (const [, name, quoted, apostrophed] of attributes!.matchAll(ATTRIBUTE))
      if (!isSafeAttribute(name!.toLowerCase(), quoted ?? apostrophed!)) return false;
  }
  return true;
}

/** The end of the comment at `at`; `at` if browsers may see another end of it. */
function endOfComment(xhtml: string, at: number): number {
  const dashes = xhtml.indexOf('--', at + 4);
  return dashes >= 0 && xhtml[dashes + 2] === '>' && !/^-?>/.test(xhtml.slice(at + 4, at + 6)) ? dashes + 3 : at;
}

function isSafeAttribute(name: string, value: string): boolean {
  if (!ATTRIBUTES.has(name)) return false;
  if (!URLS.has(name) && name !== 'style') return true;
  const plain = decoded(value);
  if (plain === undefined) return false;
  return name === 'style' ? !ACTIVE_STYLE.test(plain) : isSafeUrl(plain, name);
}

/** Browsers drop control characters and spaces before they look for the scheme (microsoft/fhir-server #5699). */
function isSafeUrl(url: string, name: string): boolean {
  // eslint-disable-next-line no-control-regex -- These are the characters that browsers drop.
  const read = url.replace(/[\u0000-\u0020\u007f-\u00a0]/g, '');
  const scheme = /^([^/?#]*?):/.exec(read)?.[1];
  return scheme === undefined || SCHEMES.has(scheme.toLowerCase()) || (name === 'src' && IMAGE.test(read));
}

/** The value with its character references replaced. Undefined if it has a name that is not in `NAMED`. */
function decoded(value: string): string | undefined {
  let known = true;
  const plain = value.replace(/&(?:#x([0-9a-f]+)|#([0-9]+)|([A-Za-z][A-Za-z0-9]*));?/gi, (_all, hex, decimal, name) => {
    const code = hex !== undefined ? parseInt(hex as string, 16) : decimal !== undefined ? Number(decimal) : undefined;
    if (code !== undefined) return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd';
    known &&= Object.hasOwn(NAMED, name as string);
    return NAMED[name as string] ?? '';
  });
  return known ? plain : undefined;
}
