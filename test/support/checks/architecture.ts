/** Reads which module imports which, and finds imports that the design forbids. Works on texts, so that it can be tested. */
import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import { parseSync } from 'vite'

/** The modules by their path below `src`, with `/` between folders. */
export type Sources = ReadonlyMap<string, string>

/** `imports` and `exports` of package.json: a target, or targets by condition. */
export type Targets = Readonly<Record<string, string | Readonly<Record<string, string>>>>

const BASE = ['core', 'identity', 'engine', 'signaling', 'peer', 'channel', 'swarm']

/**
 * What each folder of `src` may import besides itself. The top folders serve different applications: a page that only wants the plugin
 * must not load a mesh, and a mesh knows no torrents.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  identity: ['core'],
  engine: ['core'],
  signaling: ['core'],
  peer: ['core', 'identity', 'engine', 'signaling'],
  channel: ['core', 'identity', 'engine', 'signaling', 'peer'],
  swarm: ['core', 'identity', 'engine', 'signaling', 'peer', 'channel'],
  metrics: BASE,
  torrent: [...BASE, 'metrics'],
  doctor: BASE,
  room: BASE,
  p2pt: [...BASE, 'room'],
  'tracker-client': [...BASE, 'room'],
  mesh: [...BASE, 'room'],
  media: [...BASE, 'room'],
}

/** Packages that work only in Node, or throw when a browser loads them. */
const NODE_ONLY = ['ws', 'node-datachannel', '@roamhq/wrtc']
const NODE_GLOBALS = ['Buffer', 'process', 'global', 'require', '__dirname', '__filename', 'setImmediate']

/** Finds every import that points up or sideways, as `file imports file`. Files directly in `src` are entry points and may import all. */
export function arrowsUp(sources: Sources, imports: Targets): string[] {
  return [...sources].flatMap(([path, text]) => {
    const folder = folderOf(path)
    const allowed = folder === undefined ? undefined : MAY_IMPORT[folder]
    if (folder !== undefined && allowed === undefined) return [`${path}: the design has no place for the folder ${folder}`]
    return importsOf(path, text)
      .flatMap(({ specifier }) => targetsOf(path, specifier, imports))
      .filter(target => {
        const its = folderOf(target)
        return its !== folder && allowed !== undefined && (its === undefined || !allowed.includes(its))
      })
      .map(target => `${path} imports ${target}`)
  })
}

/** Finds each Node module or global that a browser would load with this entry, with the import path that leads there. */
export function nodeInBrowser(sources: Sources, imports: Targets, entry: string): string[] {
  const found: string[] = []
  const ways = new Map([[entry, entry]])
  for (const [path, way] of ways) {
    const text = sources.get(path)
    if (text === undefined) {
      found.push(`${way} does not exist`)
      continue
    }
    found.push(...globalsOf(path, text, NODE_GLOBALS).map(name => `${way} uses ${name}`))
    for (const { specifier, isType } of importsOf(path, text)) {
      if (isType) continue
      if (isBuiltin(specifier) || NODE_ONLY.some(name => specifier === name || specifier.startsWith(`${name}/`)))
        found.push(`${way} imports ${specifier}`)
      for (const target of targetsOf(path, specifier, imports, 'default'))
        if (!ways.has(target)) ways.set(target, `${way} → ${target}`)
    }
  }
  return found
}

/** Finds every file that names the console. */
export function consoleUsers(sources: Sources): string[] {
  return [...sources].filter(([path, text]) => globalsOf(path, text, ['console']).length > 0).map(([path]) => path)
}

/** The source of a built file: `./dist/core/dial-node.js` is `core/dial-node.ts`. */
export function sourceOf(built: string): string {
  return built.replace(/^\.\/dist\//, '').replace(/\.js$/, '.ts')
}

function folderOf(path: string): string | undefined {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : undefined
}

/** Finds the project's modules that a specifier stands for: with one condition, or with any. None when it names a package. */
function targetsOf(from: string, specifier: string, imports: Targets, condition?: string): string[] {
  if (specifier.startsWith('.')) return [posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts')]
  const targets = imports[specifier] ?? {}
  if (typeof targets === 'string') return [sourceOf(targets)]
  return Object.entries(targets)
    .filter(([name]) => condition === undefined || name === condition)
    .map(([, built]) => sourceOf(built))
}

/** Finds all imports, also of types and dynamic ones, except those with a computed name. */
function importsOf(path: string, text: string): Array<{ specifier: string; isType: boolean }> {
  const { module, errors } = parseSync(path, text)
  if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`)
  const imported = module.staticImports.map(({ moduleRequest, entries }) => ({
    specifier: moduleRequest.value,
    isType: entries.length > 0 && entries.every(entry => entry.isType),
  }))
  const exported = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ moduleRequest, isType }) => (moduleRequest === null ? [] : [{ specifier: moduleRequest.value, isType }])),
  )
  const loaded = module.dynamicImports.flatMap(({ moduleRequest: { start, end } }) => {
    const [, specifier] = /^(?:'([^']*)'|"[^"]*")$/.exec(text.slice(start, end)) ?? []
    return specifier === undefined ? [] : [{ specifier, isType: false }]
  })
  return [...imported, ...exported, ...loaded]
}

/** Finds which of these names the text refers to, as values or types. `a.process` and `{ process: 1 }` do not count. */
function globalsOf(path: string, text: string, names: readonly string[]): string[] {
  const used = new Set<string>()
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit)
    if (!isNode(node)) return
    if (node.type === 'Identifier' && typeof node['name'] === 'string') used.add(node['name'])
    for (const [key, child] of Object.entries(node)) if (!isName(node, key)) visit(child)
  }
  visit(parseSync(path, text).program)
  return names.filter(name => used.has(name))
}

type Node = { type: string; [key: string]: unknown }

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

/** Whether this part of a node is a member's name, not a reference. */
function isName(node: Node, key: string): boolean {
  if (node['computed'] === true) return false
  if (key === 'property') return !(isNode(node['object']) && node['object']['name'] === 'globalThis')
  return key === 'key' || key === 'imported' || key === 'exported'
}
