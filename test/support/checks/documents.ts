/**
 * The documents for users, and the code in them. A block that begins with `// name.js` is a file, one with a folder in its name is a file of
 * this repository, any other `js` or `ts` block is a fragment, and the lines of a `diff` block without `-` are one.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

export interface Block {
  /** The document's path. */
  document: string
  /** `js`, `ts`, `json` and so on, as it stands behind the fence. */
  language: string
  /** The name on its first line. */
  file: string | undefined
  code: string
}

/** The text of each document by its path, with `/` between folders. */
export async function readDocuments(): Promise<Map<string, string>> {
  const paths = ['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md']
  for (const path of await readdir(join(root, 'docs'), { recursive: true }))
    if (path.endsWith('.md')) paths.push(['docs', ...path.split(sep)].join('/'))
  return new Map(await Promise.all(paths.map(async path => [path, await readFile(join(root, path), 'utf8')] as const)))
}

/** The blocks of all documents but the reference, whose examples are fragments of the comments in the sources. */
export function blocksOf(documents: ReadonlyMap<string, string>): Block[] {
  const written = [...documents].filter(([document]) => !document.startsWith('docs/reference/'))
  return written.flatMap(([document, text]) =>
    [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({
      document,
      language,
      file: /^(?:\/\/|<!--) ([\w./-]+\.\w+)(?: -->)?\n/.exec(code)?.[1],
      code,
    })),
  )
}

/** The code of a `diff` block after the change. */
export function changed(diff: string): string {
  return diff.replaceAll(/^-.*\n/gm, '').replaceAll(/^[+ ]/gm, '')
}

/** The text under a heading, up to the next heading of any level. */
export function section(text: string, heading: string): string {
  const [, after = ''] = text.split(`# ${heading}\n`)
  return after.split(/\n##+ /, 1)[0] ?? ''
}

/** The first cells of the tables in a text, and the second ones. */
export function table(text: string): Map<string, string> {
  const rows = text.matchAll(/^\| `([\w-]+)` \| (.*?) \|/gm)
  return new Map([...rows].map(([, name = '', cell = '']) => [name, cell]))
}

/** The anchors of a document's headings. */
export function anchorsOf(text: string): string[] {
  return [...text.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )
}
