import type { Piece } from './piece.ts';

/** Licences that may be in the image. A new licence needs a decision first (docs/adr). */
const ALLOWED: readonly string[] = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
];
/**
 * Licences of the libraries to which Node's binary links, as any program on the same system does. No code of ours links
 * to them.
 */
const ALLOWED_OF_SYSTEM: readonly string[] = ['LGPL-2.1-or-later', 'GPL-3.0-or-later WITH GCC-exception-3.1'];

/** A sentence for each piece whose licence is not allowed. */
export const forbidden = (pieces: readonly Piece[]): string[] =>
  pieces
    .filter(({ kind, licence }) => !(kind === 'system' ? ALLOWED_OF_SYSTEM : ALLOWED).includes(licence))
    .map(
      ({ name, version, licence }) =>
        `${name} ${version} is under ${licence}, which is not in the list of allowed licences`,
    );

const RULE = '='.repeat(100);
const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this
software and associated documentation files (the "Software"), to deal in the Software without
restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/**
 * THIRD-PARTY-LICENSES: name, version, licence and text of everything from others that is in `whole`. `apache` is the
 * text of Apache-2.0, for packages that name it and have no text.
 * @throws if a licence has no text
 */
export function licenceList(pieces: readonly Piece[], apache: string, whole: string): string {
  const others = pieces.filter(({ kind }) => kind !== 'ours');
  const standard: Readonly<Record<string, string>> = { MIT, 'Apache-2.0': apache };
  const textOf = ({ name, licence, kind, texts }: Piece): string => {
    if (texts.length > 0) return texts.map(({ file, text }) => `[${file}]\n${text.trimEnd()}`).join('\n\n');
    if (kind === 'system') return 'The system that this was built on has no file of its licence.';
    const text = standard[licence];
    if (text === undefined)
      throw new Error(`${name} is under ${licence} and brings no text of it: add it to licences.ts`);
    return `[the package brings no licence file: the text of ${licence}]\n${text.trimEnd()}`;
  };
  return (
    [
      `What is in ${whole} and is not ours, with its licence.`,
      '',
      ...others.map(({ name, version, licence }) => `  ${name} ${version}  ${licence}`),
      ...others.flatMap((piece) => [
        '',
        RULE,
        `${piece.name} ${piece.version}`,
        `License: ${piece.licence}`,
        RULE,
        '',
        textOf(piece),
      ]),
    ].join('\n') + '\n'
  );
}
