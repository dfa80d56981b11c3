/** Checks what the sources are called: a type has one declaration, a file has the name of its class, and no file grows too long. */
import { posix } from 'node:path'
import type { Sources } from './architecture.js'

const MAX_LINES = 300
const EXPORTED = /^export (?:abstract )?(class|interface|type) (\w+)(?:<[^{]*?>)?(?: extends (\w+))?/gm

/** Types that several files export under one name, each as `Name: file, file`. */
export function sharedNames(sources: Sources): string[] {
  const files = new Map<string, string[]>()
  for (const [path, text] of sources)
    for (const { name } of exportedTypes(text)) files.set(name, [...(files.get(name) ?? []), path])
  return [...files].filter(([, paths]) => paths.length > 1).map(([name, paths]) => `${name}: ${paths.join(', ')}`)
}

/** Files with one exported class, error classes apart, whose name is not the file's, each as `file exports Name`. */
export function misnamedFiles(sources: Sources): string[] {
  return [...sources].flatMap(([path, text]) => {
    const classes = exportedTypes(text).filter(({ kind, base }) => kind === 'class' && !base.endsWith('Error'))
    const [only] = classes
    const isFine = classes.length !== 1 || only === undefined || plain(only.name) === plain(posix.basename(path, '.ts'))
    return isFine ? [] : [`${path} exports ${only.name}`]
  })
}

/** Files with more than {@link MAX_LINES} lines. */
export function longFiles(sources: Sources): string[] {
  return [...sources]
    .map(([path, text]) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => `${path} has ${lines} lines`)
}

function exportedTypes(text: string): Array<{ kind: string; name: string; base: string }> {
  return [...text.matchAll(EXPORTED)].map(([, kind = '', name = '', base = '']) => ({ kind, name, base }))
}

/** `W3cChannel` and `w3c-channel` are the same. */
function plain(name: string): string {
  return name.replaceAll('-', '').toLowerCase()
}
