import ts from 'typescript';

/** `file#Name` → how many parameters a constructor takes, or how many fields a type declares. */
export type Sizes = ReadonlyMap<string, number>;

/** Names of types that hold what a caller hands over. */
const OPTIONS = /(?:Options|Settings|Config|Parts|Ports|Context|Deps|Runtime)$/;
/** A file without either of them need not be parsed. */
const RELEVANT = new RegExp(`constructor\\(|\\b(?:interface|type|class) \\w*${OPTIONS.source.replace('$', '\\b')}`);

/** What the files declare. A type that extends others counts its own fields: it composes the rest. */
export function sizesOf(files: Iterable<readonly [file: string, text: string]>): {
  readonly constructors: Sizes;
  readonly options: Sizes;
} {
  const constructors = new Map<string, number>();
  const options = new Map<string, number>();
  for (const [file, text] of files) {
    if (!RELEVANT.test(text)) continue;
    const visit = (node: ts.Node): void => {
      if (ts.isConstructorDeclaration(node))
        constructors.set(`${file}#${node.parent.name?.text ?? 'class'}`, node.parameters.length);
      const fields = fieldsOf(node);
      if (fields !== undefined && OPTIONS.test(fields.name)) options.set(`${file}#${fields.name}`, fields.count);
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  }
  return { constructors, options };
}

/** The fields of an interface or of an object type, or the public ones of a class. */
function fieldsOf(node: ts.Node): { readonly name: string; readonly count: number } | undefined {
  if (ts.isInterfaceDeclaration(node)) return { name: node.name.text, count: node.members.length };
  if (ts.isClassDeclaration(node))
    return { name: node.name?.text ?? '', count: node.members.filter(isPublicField).length };
  if (!ts.isTypeAliasDeclaration(node)) return undefined;
  const joined = ts.isIntersectionTypeNode(node.type) ? node.type.types : [node.type];
  const counts = joined.map((type) => (ts.isTypeLiteralNode(type) ? type.members.length : 0));
  return { name: node.name.text, count: counts.reduce((a, b) => a + b) };
}
const HIDDEN = ts.ModifierFlags.Private | ts.ModifierFlags.Protected | ts.ModifierFlags.Static;
const isPublicField = (member: ts.ClassElement): boolean =>
  ts.isPropertyDeclaration(member) &&
  !ts.isPrivateIdentifier(member.name) &&
  (ts.getCombinedModifierFlags(member) & HIDDEN) === 0;
