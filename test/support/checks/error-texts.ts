/** Collects the texts of all errors that the sources make, for one snapshot: a reader sees every message that a user can get. */
import { parseSync } from 'vite'
import type { Sources } from './architecture.js'

/** Functions that make an error of this library, and which of their arguments is its text. */
const MAKERS: Readonly<Record<string, (texts: string[]) => string>> = {
  SwarmlinkError: ([, text]) => text ?? '',
  ProtocolError: ([, text]) => text ?? '',
  CredentialsError: ([, text]) => text ?? '',
  asError: ([, , text]) => `${text}: …`,
  invalid: ([name, expected]) => `got …: ${name} must be ${expected}`,
}

interface Syntax {
  type: string
  [key: string]: unknown
}

/** The texts as `file: text`, sorted; an expression within a text is `…`. Texts that another function passes on are left out. */
export function errorTexts(sources: Sources): string[] {
  return [...sources]
    .flatMap(([path, text]) => [...new Set(textsOf(path, text))].map(message => `${path}: ${message}`))
    .toSorted()
}

function textsOf(path: string, source: string): string[] {
  const found: string[] = []
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit)
    if (!isSyntax(node)) return
    const { type, callee, arguments: args } = node
    const maker =
      isSyntax(callee) && (type === 'NewExpression' || type === 'CallExpression') ? MAKERS[String(callee['name'])] : undefined
    if (maker !== undefined && Array.isArray(args)) {
      const message = maker(args.map(argument => literal(argument)))
      if (/\w{3}/.test(message.replaceAll('undefined', ''))) found.push(message)
    }
    Object.values(node).forEach(visit)
  }
  visit(parseSync(path, source).program)
  return found
}

/** The text of an expression, with `…` for each part that is known only when it runs. */
function literal(node: unknown): string {
  if (!isSyntax(node)) return '…'
  if (node.type === 'Literal') return typeof node['value'] === 'string' ? node['value'] : '…'
  if (node.type === 'TemplateLiteral' && Array.isArray(node['quasis']))
    return node['quasis'].map((part: { value: { cooked: string } }) => part.value.cooked).join('…')
  if (node.type === 'BinaryExpression' && node['operator'] === '+') return literal(node['left']) + literal(node['right'])
  if (node.type === 'ConditionalExpression') return `${literal(node['consequent'])} | ${literal(node['alternate'])}`
  return '…'
}

function isSyntax(value: unknown): value is Syntax {
  return typeof value === 'object' && value !== null && 'type' in value
}
