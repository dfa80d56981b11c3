// @ts-check
/** Describes declarations in Markdown: short anchors, types that are links, tables for what is said in a sentence. Writes no files. */
import { exportsOf, find } from './declarations.js'

/** @typedef {import('./declarations.js').Declaration} Declaration */
/** @typedef {import('./declarations.js').Member} Member */
/** @typedef {import('./declarations.js').Comment} Comment */

/** The guides that explain what the reference only lists. @type {Record<string, string[]>} */
const GUIDES = {
  Torrents: ['ConnectionManager'],
  Metrics: ['toPrometheus', 'ManagerStats', 'StageCounts', 'serverName'],
  Trackerless: ['Signal'],
  'Tracker client': ['TrackerClient'],
  Messages: ['DataConnection'],
  'Own signalling': ['DataConnectionOptions', 'Peer'],
  Errors: ['SwarmlinkError', 'ErrorCode'],
  Credentials: ['Credentials', 'CredentialStore', 'CredentialsError', 'localCredentials', 'fileCredentials'],
  Rooms: ['P2PT'],
  Drivers: ['Driver', 'MemoryDriver', 'BroadcastChannelDriver', 'WebSocketDriver', 'PubSubSignaling'],
  NATS: ['NatsDriver'],
  'Signal server': ['SignalServer'],
}
/** A default that is a value, not words. */
const LITERAL = /^(?:[\d_.]+|true|false|'.*'|\{\}|\[\])$/

export class Page {
  #file
  #homes
  #unexported

  /**
   * @param {string} file
   * @param {ReadonlyMap<Declaration, string>} homes The page of each declaration: their names are links.
   * @param {ReadonlySet<Declaration>} unexported Those of them that no entry point exports.
   */
  constructor(file, homes, unexported) {
    this.#file = file
    this.#homes = homes
    this.#unexported = unexported
  }

  /** The blocks of an entry point: what its page lists at the top, then a section for each declaration. @param {string} path */
  blocks(path) {
    const own = [...this.#homes].flatMap(([declaration, file]) => (file === this.#file ? [declaration] : []))
    const exported = own.filter(declaration => !this.#unexported.has(declaration))
    const lists = {
      Classes: exported.filter(({ kind }) => kind === 'class'),
      Functions: exported.filter(({ kind }) => kind === 'function'),
      Types: exported.filter(({ kind }) => kind === 'interface' || kind === 'type'),
      'Types without an export, which others name': own.filter(declaration => this.#unexported.has(declaration)),
      'Exported here, too': exportsOf(path).filter(declaration => !own.includes(declaration)),
    }
    const contents = Object.entries(lists).filter(([, list]) => list.length > 0)
    const isMain = (/** @type {Declaration} */ other) => other.kind === 'class' && other.path === path
    const order = [...own.filter(isMain), ...own.filter(other => !isMain(other) && !isEvents(other))]
    return [
      ...contents.map(([title, list]) => `${title}: ${list.map(declaration => this.#link(declaration)).join(', ')}`),
      ...order.flatMap(declaration => this.#section('##', declaration)),
    ]
  }

  /** @param {string} level @param {Declaration} declaration @returns {string[]} */
  #section(level, declaration) {
    const { kind, name, head, type, choices, path, comment, members, bases } = declaration
    const named = head.startsWith('<') ? name + head : `${name} ${head}`.trim()
    const code = { class: `class ${named}`, function: name + type, type: `${named} = ${type}`, interface: '', constant: '' }
    const guide = Object.keys(GUIDES).find(key => GUIDES[key]?.includes(name))
    const events = kind === 'class' ? find(path, `${name}Events`) : undefined
    const rows = choices.map(choice => [this.#code(choice.type, declaration), this.#prose(choice.text, declaration)])
    return [
      `${level} ${titleOf(declaration)}`,
      ...(choices.length === 0 && code[kind] !== '' ? [this.#code(code[kind], declaration)] : []),
      ...this.#comment(comment, declaration),
      ...(guide === undefined ? [] : [`Guide: [${guide}](../guides/${guide.toLowerCase().replace(' ', '-')}.md)`]),
      ...(kind === 'interface' ? bases.flatMap(base => this.#extends(find(path, base))) : []),
      ...table(['type', 'meaning'], rows),
      ...this.#members(declaration),
      ...(kind === 'class' ? members.flatMap(member => this.#method(member, declaration)) : []),
      ...(events === undefined ? [] : this.#section('###', events)),
    ]
  }

  /** @param {Declaration | undefined} base */
  #extends(base) {
    if (base === undefined || !this.#homes.has(base)) return []
    const names = base.members.map(({ name }) => `\`${name}\``).join(', ')
    return [`Extends ${this.#link(base)}${names === '' ? '' : ` (${names})`}.`]
  }

  /** The properties of a class, or all members of an interface. @param {Declaration} declaration */
  #members(declaration) {
    const { kind, members } = declaration
    const listed = members.filter(member => kind === 'interface' || member.kind === 'property')
    const hasDefaults = listed.some(({ comment }) => comment.standard !== undefined)
    const rows = listed.map(member => {
      const { optional, type } = member
      const name = `${member.name}${optional && !hasDefaults ? '?' : ''}${member.kind === 'method' ? '()' : ''}`
      const standard = member.comment.standard ?? (hasDefaults && !optional ? 'required' : '')
      return [
        `\`${name}\``,
        this.#code(isEvents(declaration) ? type.replaceAll(/^\[|\]$/g, '') : type, declaration),
        LITERAL.test(standard) ? `\`${standard}\`` : standard,
        this.#prose(commentOf(member, declaration).text, declaration),
      ]
    })
    const title = hasDefaults ? 'option' : kind === 'class' ? 'property' : 'member'
    return table(isEvents(declaration) ? ['event', 'arguments', '', 'meaning'] : [title, 'type', 'default', 'meaning'], rows)
  }

  /** @param {Member} member @param {Declaration} declaration @returns {string[]} */
  #method(member, declaration) {
    const { kind, name, type } = member
    const isOfEmitter = declaration.bases.includes('Emitter') && /^(?:on|once|off)$/.test(name)
    if (kind === 'property' || isOfEmitter) return []
    const code = this.#code(kind === 'constructor' ? `new ${declaration.name}${type}` : name + type, declaration)
    return [`### ${titleOf(declaration, member)}`, code, ...this.#comment(commentOf(member, declaration), declaration)]
  }

  /** @param {Comment} comment @param {Declaration} scope @returns {string[]} */
  #comment({ text, throws, examples }, scope) {
    const prose = [text, ...(throws === undefined ? [] : [`Throws ${throws}.`])].filter(block => block !== '')
    return [...prose.map(block => this.#prose(block, scope)), ...examples.map(example => `\`\`\`ts\n${example}\n\`\`\``)]
  }

  /** @param {string} text @param {Declaration} scope */
  #prose(text, { path, name: own }) {
    return text.replaceAll(/\{@link (\w+)(?:\.(\w+))?\}/g, (_, first, second) => {
      const named = find(path, first)
      const declaration = named ?? find(path, own)
      const name = named === undefined ? first : second
      if (declaration === undefined || !this.#homes.has(declaration)) return `\`${name ?? first}\``
      return this.#link(
        declaration,
        declaration.members.find(member => member.name === name),
      )
    })
  }

  /** A type or signature. Markdown has no links in code, so it is HTML where names in it are links. @param {string} text @param {Declaration} scope */
  #code(text, { path, name: own }) {
    if (text === '') return ''
    const spelled = text.replaceAll(/\(typeof (\w+)\)\[number\]/g, (whole, name) => tupleAsUnion(find(path, name)?.type) ?? whole)
    let links = 0
    const parts = spelled.split(/\b([A-Z]\w*)/).map(part => {
      const named = /^[A-Z]/.test(part) && part !== own ? find(path, part) : undefined
      if (named === undefined || !this.#homes.has(named)) return part.replaceAll('<', '&lt;').replaceAll(/[[\]*]/g, '\\$&')
      links += 1
      return `[${part}](${this.#target(named)})`
    })
    return links === 0 ? `\`${spelled}\`` : `<code>${parts.join('')}</code>`
  }

  /** @param {Declaration} declaration @param {Member} [member] */
  #link(declaration, member) {
    return `[\`${titleOf(declaration, member)}\`](${this.#target(declaration, member)})`
  }

  /** A property has no heading: its class is the target. @param {Declaration} declaration @param {Member} [member] */
  #target(declaration, member) {
    const file = this.#homes.get(declaration) ?? this.#file
    const title = titleOf(declaration, member?.kind === 'property' || declaration.kind !== 'class' ? undefined : member)
    return `${file === this.#file ? '' : file}#${title
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-')}`
  }
}

/** A table without its empty columns, or nothing. @param {string[]} header @param {string[][]} rows @returns {string[]} */
function table(header, rows) {
  const isKept = header.map((_, column) => rows.some(row => row[column] !== ''))
  const lines = [header, header.map(() => '---'), ...rows].map(row =>
    row
      .filter((_, column) => isKept[column])
      .map(cell)
      .join(' | '),
  )
  return rows.length === 0 ? [] : [lines.map(line => `| ${line} |`).join('\n')]
}

/** `readonly ['a', 'b']` as `'a' | 'b'`. @param {string | undefined} tuple */
function tupleAsUnion(tuple) {
  return tuple?.replaceAll(/^readonly \[|\]$/g, '').replaceAll(', ', ' | ')
}

/** @param {string} text */
function cell(text) {
  return text
    .replaceAll(/\n(?:\n|(?=- ))/g, '<br>')
    .replaceAll('\n', ' ')
    .replaceAll('|', '\\|')
}

/** A heading: `new Peer()`, `peer.send()`, `SignalServer.listen()`, `topicOf()` or the name of a type. @param {Declaration} declaration @param {Member} [member] */
function titleOf({ kind, name }, member) {
  const instance = name.replace(/^(?:[A-Z\d]+(?=[A-Z][a-z]|$)|[A-Z])/, start => start.toLowerCase())
  if (member === undefined) return kind === 'function' ? `${name}()` : name
  if (member.kind === 'constructor') return `new ${name}()`
  return `${member.kind === 'static' ? name : instance}.${member.name}${member.kind === 'property' ? '' : '()'}`
}

/**
 * The comment on a member, or else the one on the member that it implements.
 *
 * @param {Member} member
 * @param {Declaration} declaration
 * @returns {Comment}
 */
function commentOf(member, { bases, path }) {
  if (member.comment.text !== '') return member.comment
  const known = bases.flatMap(name => find(path, name) ?? [])
  const inherited = known.map(base => commentOf(base.members.find(({ name }) => name === member.name) ?? member, base))
  return inherited.find(({ text }) => text !== '') ?? member.comment
}

/** @param {Declaration} declaration */
function isEvents({ kind, name }) {
  return kind === 'interface' && name.endsWith('Events')
}
