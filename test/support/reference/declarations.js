// @ts-check
/** Reads the declaration files of `dist`: what an entry point exports, and the comments on it. Knows nothing of Markdown. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'vite'

/**
 * @typedef {import('vite').ESTree.Program['body'][number]} Statement
 * @typedef {import('vite').ESTree.ClassElement | import('vite').ESTree.TSSignature} MemberNode
 * @typedef {{ text: string, standard?: string | undefined, throws?: string | undefined, examples: string[] }} Comment
 * @typedef {{ kind: 'constructor' | 'method' | 'static' | 'property', name: string, optional: boolean, type: string, comment: Comment }} Member
 * @typedef {object} Declaration
 * @property {'class' | 'interface' | 'type' | 'function' | 'constant'} kind
 * @property {string} name
 * @property {string} head The type parameters, and what it extends and implements.
 * @property {string[]} bases The names of what it extends and implements.
 * @property {string} type The type of an alias or constant; the signature of a function, as of a method.
 * @property {Array<{ type: string, text: string }>} choices The types of a union, each with its comment; empty where none has one.
 * @property {Member[]} members Without private ones and those whose name is a symbol.
 * @property {Comment} comment
 * @property {string} path The declaration file.
 */

const root = fileURLToPath(new URL('../../..', import.meta.url))
/** @type {{ name: string, exports: Record<string, string | { types: string }>, imports: Record<string, { node: string }> }} */
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
/** @type {Map<string, Module>} */
const modules = new Map()

/** The entry points in the order of package.json. */
export const ENTRIES = Object.entries(manifest.exports).flatMap(([key, target]) =>
  typeof target === 'string' ? [] : [{ name: join(manifest.name, key), path: target.types }],
)

/** What a file exports, in its order. @param {string} path @returns {Declaration[]} */
export function exportsOf(path) {
  return moduleAt(path).exported.flatMap(({ name, from }) => {
    // `export type *` is the only form without names that the sources use.
    if (name === undefined) return exportsOf(from).filter(({ kind }) => kind === 'interface' || kind === 'type')
    return find(from, name) ?? []
  })
}

/**
 * What a name in a file means: `undefined` for one of another package or of the language.
 *
 * @param {string} path
 * @param {string} name
 * @returns {Declaration | undefined}
 */
export function find(path, name) {
  const { declared, exported, imported } = moduleAt(path)
  const from = imported.get(name) ?? exported.find(other => other.name === name)?.from
  return declared.get(name) ?? (from === undefined ? undefined : find(from, name))
}

/** @param {string} path */
function moduleAt(path) {
  const module = modules.get(path) ?? new Module(path)
  modules.set(path, module)
  return module
}

class Module {
  /** Without a name: everything of another file. @type {Array<{ name?: string, from: string }>} */
  exported = []
  /** @type {Map<string, Declaration>} */
  declared = new Map()
  /** The file of each imported name. @type {Map<string, string>} */
  imported = new Map()
  #path
  #source
  #comments

  /** @param {string} path */
  constructor(path) {
    this.#path = path
    this.#source = readFileSync(join(root, path), 'utf8')
    const { program, comments } = parseSync(path, this.#source)
    this.#comments = comments
    for (const statement of program.body) this.#add(statement)
  }

  /** @param {Statement} node */
  #add(node) {
    const from = 'source' in node && node.source !== null ? this.#resolve(node.source.value) : undefined
    if (node.type === 'ImportDeclaration') {
      if (from !== undefined) for (const { local } of node.specifiers) this.imported.set(local.name, from)
    } else if (node.type === 'ExportAllDeclaration') {
      if (from !== undefined) this.exported.push({ from })
    } else if (node.type === 'ExportNamedDeclaration') {
      for (const { exported } of node.specifiers)
        if (from !== undefined && exported.type === 'Identifier') this.exported.push({ name: exported.name, from })
      const name = node.declaration === null ? undefined : this.#declare(node.declaration, node.start)
      if (name !== undefined) this.exported.push({ name, from: this.#path })
    } else this.#declare(node, node.start)
  }

  /** The declaration file of another module of this package. @param {string} specifier */
  #resolve(specifier) {
    const path = specifier.startsWith('.') ? join(this.#path, '..', specifier) : manifest.imports[specifier]?.node
    return path === undefined ? undefined : `./${join(path)}`.replace(/\.js$/, '.d.ts')
  }

  /** @param {Statement} node @param {number} start Where its comment ends. @returns {string | undefined} its name */
  #declare(node, start) {
    /** @param {Declaration['kind']} kind @param {string | undefined} name @param {Partial<Declaration>} rest */
    const declare = (kind, name, rest) => {
      const empty = {
        head: '',
        bases: [],
        type: '',
        choices: [],
        members: [],
        comment: this.#commentBefore(start),
        path: this.#path,
      }
      if (name !== undefined) this.declared.set(name, { ...empty, ...rest, kind, name })
      return name
    }
    if (node.type === 'ClassDeclaration' || node.type === 'TSInterfaceDeclaration') {
      const { id, body } = node
      const head = id === null ? '' : this.#text(id.end, body.start)
      const bases = 'extends' in node ? node.extends : [node.superClass, ...(node.implements ?? [])]
      return declare(node.type === 'ClassDeclaration' ? 'class' : 'interface', id?.name, {
        head,
        bases: bases.flatMap(base => (base === null ? [] : (/^\w+/.exec(this.#textOf(base)) ?? []))),
        members: body.body.flatMap(member => this.#member(member)),
      })
    }
    if (node.type === 'TSTypeAliasDeclaration') {
      const { id, typeAnnotation: type } = node
      const choices = (type.type === 'TSUnionType' ? type.types : []).map(choice => {
        return { type: this.#textOf(choice), text: this.#commentBefore(choice.start).text }
      })
      const head = this.#text(id.end, type.start).replace(/\s*=$/, '')
      return declare('type', id.name, {
        head,
        type: this.#textOf(type),
        choices: choices.some(({ text }) => text) ? choices : [],
      })
    }
    if (node.type === 'TSDeclareFunction')
      return declare('function', node.id?.name, { type: this.#text(node.id?.end ?? 0, node.end) })
    if (node.type !== 'VariableDeclaration') return undefined
    const id = node.declarations[0]?.id
    if (id?.type !== 'Identifier' || !id.typeAnnotation) return undefined
    return declare('constant', id.name, { type: this.#textOf(id.typeAnnotation.typeAnnotation) })
  }

  /** @param {MemberNode} node @returns {Member[]} */
  #member(node) {
    if (!('key' in node) || node.computed || node.key.type === 'PrivateIdentifier') return []
    if ('accessibility' in node && node.accessibility) return []
    const optional = 'optional' in node && node.optional
    const member = { name: this.#textOf(node.key).replaceAll("'", ''), optional, comment: this.#commentBefore(node.start) }
    if (node.type === 'TSMethodSignature' || (node.type === 'MethodDefinition' && node.kind !== 'get')) {
      const kind = node.kind === 'constructor' ? 'constructor' : 'static' in node && node.static ? 'static' : 'method'
      return [{ ...member, kind, type: this.#text(node.key.end, node.end).replace(/^\?/, '') }]
    }
    const annotation =
      node.type === 'MethodDefinition' ? node.value?.returnType : 'typeAnnotation' in node ? node.typeAnnotation : null
    const type = annotation?.typeAnnotation ?? ('value' in node ? node.value : null)
    return [{ ...member, kind: 'property', type: type ? this.#textOf(type) : 'unknown' }]
  }

  /** @param {{ start: number, end: number }} node */
  #textOf({ start, end }) {
    return this.#text(start, end)
  }

  /** The source in one line without comments. @param {number} start @param {number} end */
  #text(start, end) {
    const text = this.#source.slice(start, end).replaceAll(/\/\*.*?\*\//gs, ' ')
    return text
      .replaceAll(/\s+/g, ' ')
      .replaceAll(/;(?= \}|$)/g, '')
      .replaceAll('"', "'")
      .trim()
  }

  /** The comment before a place; before one of a union, the `|` stands in between. @param {number} place */
  #commentBefore(place) {
    const comment = this.#comments.findLast(({ end }) => end <= place)
    return parseComment(comment && /^[\s|]*$/.test(this.#source.slice(comment.end, place)) ? comment.value : '')
  }
}

/** @param {string} value What stands between the delimiters. @returns {Comment} */
function parseComment(value) {
  const lines = value.replace(/^\*/, '').replaceAll(/^[ \t]*\* ?/gm, '')
  const [text = '', ...tags] = lines.split(/(?:^|\s)@(?=(?:default|example|throws)\s)/)
  const tagged = (/** @type {string} */ name) =>
    tags.filter(tag => tag.startsWith(name)).map(tag => tag.slice(name.length).trim())
  return { text: text.trim(), standard: tagged('default')[0], throws: tagged('throws')[0], examples: tagged('example') }
}
