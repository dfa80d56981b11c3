/** The page of docs/guides/without-a-bundler.md, and the two files that its import map names. */
import { blocksOf, readDocuments } from '../checks/documents.js'

/**
 * The files by URL. `read` gets a path below `node_modules`; the tracker takes the place of the page's own, and no STUN server is asked.
 */
export async function scriptPage(read: (path: string) => Promise<string>, tracker: string): Promise<Array<[string, string]>> {
  const block = blocksOf(await readDocuments()).find(({ file }) => file === 'page.html')
  const page = (block?.code ?? '').replace(
    `{ trackers: ['ws://localhost:8000'] }`,
    `{ trackers: ['${tracker}'], iceServers: [] }`,
  )
  if (!page.includes(tracker)) throw new Error('page.html of the guide names its trackers differently now: update this file')
  const files = [...page.matchAll(/"\.\/node_modules\/(.+?)"/g)].map(([, path = '']) => path)
  const texts = files.map(async path => [`/node_modules/${path}`, await read(path)] as [string, string])
  return [['/page.html', page], ...(await Promise.all(texts))]
}
