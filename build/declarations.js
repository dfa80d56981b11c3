// @ts-check
/**
 * Reduces the declaration files to what the entry points need. TypeScript writes one for each of 350 modules, with everything that a
 * module exports; a consumer's compiler needs a fifth of that text.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseSync } from 'vite'
import { filesEnding, manifest, root } from './paths.js'

/** @typedef {{ node: import('vite').ESTree.Program['body'][number], text: string, names: string[], used: Set<string> }} Statement */

/** Packages whose types public declarations may name: a user of that entry point has them. */
const NAMEABLE = ['@nats-io/nats-core', 'node:http']

/** @type {Map<string, DeclarationFile>} */
const files = new Map()

export function reduceDeclarations() {
  for (const target of Object.values(manifest.exports))
    if (typeof target === 'object' && target['types'] !== undefined) fileAt(join(root, target['types'])).needAll()
  for (const path of filesEnding('.d.ts')) {
    const file = files.get(path)
    if (file === undefined) rmSync(path)
    else writeFileSync(path, file.reduced())
  }
}

/** @param {string} path */
function fileAt(path) {
  const file = files.get(path) ?? new DeclarationFile(path)
  files.set(path, file)
  return file
}

class DeclarationFile {
  #path
  /** @type {Statement[]} */
  #statements = []
  /** @type {Set<Statement>} */
  #needed = new Set()
  /** The imported names that needed statements use. @type {Set<string>} */
  #imports = new Set()

  /** @param {string} path */
  constructor(path) {
    this.#path = path
    const source = readFileSync(path, 'utf8')
    let end = 0
    for (const node of parseSync(path, source).program.body) {
      this.#statements.push({ node, names: namesOf(node), ...textOf(node, source, end) })
      end = node.end
    }
  }

  /** Every export of this file is needed. */
  needAll() {
    for (const statement of this.#statements) if (statement.node.type.startsWith('Export')) this.#need(statement)
  }

  /** @param {string} name of a declaration, import or export of this file */
  need(name) {
    for (const statement of this.#statements) {
      const { node, names } = statement
      if (names.includes(name)) this.#need(statement)
      if (node.type !== 'ImportDeclaration') continue
      const specifier = node.specifiers.find(({ local }) => local.name === name)
      if (specifier === undefined || this.#imports.has(name)) continue
      this.#imports.add(name)
      for (const file of this.#from(node.source.value)) {
        if (specifier.type === 'ImportSpecifier') file.need(nameOf(specifier.imported))
        else file.needAll()
      }
    }
  }

  /** @param {Statement} statement */
  #need(statement) {
    if (this.#needed.has(statement)) return
    this.#needed.add(statement)
    const { node, used } = statement
    if (node.type === 'ExportAllDeclaration') {
      for (const file of this.#from(node.source.value)) file.needAll()
    } else if (node.type === 'ExportNamedDeclaration' && node.source !== null) {
      for (const file of this.#from(node.source.value)) for (const { local } of node.specifiers) file.need(nameOf(local))
    } else for (const name of used) this.need(name)
  }

  reduced() {
    const parts = this.#statements.flatMap(statement => {
      if (this.#needed.has(statement)) return statement.text
      return statement.node.type === 'ImportDeclaration' ? this.#importOf(statement.node) : []
    })
    return `${parts.join('\n').trim()}\n`
  }

  /** The import without the names that are not needed. @param {import('vite').ESTree.ImportDeclaration} node */
  #importOf({ specifiers, source }) {
    const names = specifiers.flatMap(({ local, ...specifier }) => {
      if (!this.#imports.has(local.name)) return []
      if (!('imported' in specifier)) return `* as ${local.name}`
      const imported = nameOf(specifier.imported)
      return imported === local.name ? imported : `${imported} as ${local.name}`
    })
    if (names.length === 0) return []
    const list = names[0]?.startsWith('*') ? names[0] : `{ ${names.join(', ')} }`
    return `import type ${list} from '${source.value}';`
  }

  /** The files behind a specifier: one for each condition, and none for another package. @param {string} specifier */
  #from(specifier) {
    const targets = specifier.startsWith('.')
      ? [resolve(dirname(this.#path), specifier)]
      : Object.values(manifest.imports[specifier] ?? {}).map(path => join(root, path))
    if (targets.length === 0 && !NAMEABLE.includes(specifier))
      throw new Error(`${this.#path} names types of ${specifier}, which a consumer may not have: keep them out of public types`)
    return targets.map(path => fileAt(path.replace(/\.js$/, '.d.ts')))
  }
}

/** The names that a statement declares or exports. @param {Statement['node']} node @returns {string[]} */
function namesOf(node) {
  if (node.type === 'ExportNamedDeclaration') {
    if (node.declaration !== null) return namesOf(node.declaration)
    return node.specifiers.map(({ exported }) => nameOf(exported))
  }
  if (node.type === 'VariableDeclaration') return node.declarations.flatMap(({ id }) => (id.type === 'Identifier' ? id.name : []))
  return 'id' in node && node.id !== null && node.id.type === 'Identifier' ? [node.id.name] : []
}

/**
 * The text of a statement with the comments before it, and the names that it uses. Without protected members: `Emitter` is the only
 * class that applications extend.
 *
 * @param {Statement['node']} node
 * @param {string} source
 * @param {number} start
 */
function textOf(node, source, start) {
  const declared = 'declaration' in node && node.declaration !== null ? node.declaration : node
  let text = ''
  if (declared.type === 'ClassDeclaration' && declared.id?.name !== 'Emitter') {
    let end = declared.body.start + 1
    text = source.slice(start, end)
    for (const member of declared.body.body) {
      if (!('accessibility' in member && member.accessibility === 'protected')) text += source.slice(end, member.end)
      end = member.end
    }
    start = end
  }
  text += source.slice(start, node.end)
  return { text, used: new Set(text.replaceAll(/\/\*[^]*?\*\//g, '').match(/[A-Za-z_$][\w$]*/g)) }
}

/** @param {import('vite').ESTree.ModuleExportName} node */
function nameOf(node) {
  return node.type === 'Literal' ? node.value : node.name
}
