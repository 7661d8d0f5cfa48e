import ts from 'typescript';

/** A function of a file. `lines` counts from its first line to its last one, inner functions included. */
export interface MeasuredFunction {
  readonly name: string;
  /** Its first line, from 1. */
  readonly line: number;
  readonly lines: number;
}

/** Each function of a source that has a body: functions, methods, constructors, accessors and arrow functions. */
export function functionsOf(path: string, text: string): MeasuredFunction[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const lineAt = (position: number): number => source.getLineAndCharacterOfPosition(position).line + 1;
  const found: MeasuredFunction[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const line = lineAt(node.getStart(source));
      found.push({ name: nameOf(node, source), line, lines: lineAt(node.getEnd()) - line + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The name of the function, or that of the variable, property or call that it is given to. */
function nameOf(node: ts.SignatureDeclaration, source: ts.SourceFile): string {
  if (ts.isConstructorDeclaration(node)) return `${node.parent.name?.text ?? 'class'}.constructor`;
  const name = node.name ?? nameOfHolder(node.parent);
  if (name !== undefined) return name.getText(source);
  return ts.isCallExpression(node.parent) ? `a function in ${node.parent.expression.getText(source)}` : 'a function';
}

const nameOfHolder = (parent: ts.Node): ts.Node | undefined =>
  ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent)
    ? parent.name
    : undefined;
