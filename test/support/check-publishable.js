// @ts-check
/** `npm publish` runs this first: a package with placeholder addresses must not be published. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What the owner replaces in package.json, see CONTRIBUTING.md, "Publish it". */
const PLACEHOLDER = 'https://example.com/OWNER/swarmlink'

/**
 * What keeps this manifest from being published, or undefined.
 *
 * @param {{ repository?: { url?: string }, homepage?: string, bugs?: { url?: string } }} manifest
 * @returns {string | undefined}
 */
export function whyNot({ repository, homepage, bugs }) {
  const base = repository?.url?.replace(/^git\+/, '').replace(/\.git$/, '')
  if (base === undefined || homepage === undefined || bugs?.url === undefined)
    return 'package.json lacks repository.url, homepage or bugs.url: fill in all three'
  if ([base, homepage, bugs.url].some(url => url.startsWith(PLACEHOLDER)))
    return `package.json holds the placeholder ${PLACEHOLDER}: replace it in repository, homepage and bugs (CONTRIBUTING.md, "Publish it")`
  if (![homepage, bugs.url].every(url => url.startsWith(base)))
    return `homepage and bugs of package.json do not begin with the repository's address ${base}: let all three name one place`
  return undefined
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const why = whyNot(manifest)
  if (why !== undefined) {
    console.error(`error: ${why}`)
    process.exitCode = 1
  }
}
