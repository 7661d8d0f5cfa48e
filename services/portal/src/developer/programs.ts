/** One request as a person would write it in four languages. `token` is a variable of the environment, never a text. */
export const PROGRAMS = ['curl', 'node', 'python', 'java'] as const;
export type Program = (typeof PROGRAMS)[number];

export interface Request {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}
const lines = (all: readonly string[]): string => all.join('\n');

/** Each takes the access token from `TOKEN`, and needs nothing that its language does not bring. */
export const programOf: Readonly<Record<Program, (request: Request) => string>> = {
  curl: ({ url, headers }) =>
    lines([
      `curl -sS '${url}' \\`,
      ...Object.entries(headers).map(([name, value]) => `  -H '${name}: ${value}' \\`),
      '  -H "Authorization: Bearer $TOKEN"',
    ]),
  node: ({ url, headers }) =>
    lines([
      `const answer = await fetch('${url}', {`,
      '  headers: {',
      ...Object.entries(headers).map(([name, value]) => `    '${name}': '${value}',`),
      "    Authorization: 'Bearer ' + process.env.TOKEN,",
      '  },',
      '});',
      'console.log(await answer.text());',
    ]),
  python: ({ url, headers }) =>
    lines([
      'import os, urllib.request',
      '',
      `request = urllib.request.Request('${url}', headers={`,
      ...Object.entries(headers).map(([name, value]) => `    '${name}': '${value}',`),
      "    'Authorization': 'Bearer ' + os.environ['TOKEN'],",
      '})',
      'print(urllib.request.urlopen(request).read().decode())',
    ]),
  java: ({ url, headers }) =>
    lines([
      'import java.net.URI;',
      'import java.net.http.*;',
      '',
      'public class Call {',
      '  public static void main(String[] args) throws Exception {',
      `    var request = HttpRequest.newBuilder(URI.create("${url}"))`,
      ...Object.entries(headers).map(([name, value]) => `        .header("${name}", "${value}")`),
      '        .header("Authorization", "Bearer " + System.getenv("TOKEN"))',
      '        .build();',
      '    var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());',
      '    System.out.println(answer.body());',
      '  }',
      '}',
    ]),
};
