import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { whyNot } from '../../support/check-publishable.js'

const at = (base: string) => ({
  repository: { type: 'git', url: `git+${base}.git` },
  homepage: `${base}#readme`,
  bugs: { url: `${base}/issues` },
})

describe('the addresses in package.json', () => {
  test('are all placeholders or all the same place [X10]', async () => {
    const manifest = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'))
    const { repository, homepage, bugs } = manifest
    const isFilledIn = whyNot(manifest) === undefined
    const base = isFilledIn ? repository.url.slice('git+'.length, -'.git'.length) : 'https://example.com/OWNER/swarmlink'
    expect({ repository, homepage, bugs }).toEqual(at(base))
  })

  test('prevent publishing until they are filled in [X10]', () => {
    expect(whyNot(at('https://code.test/somewhere/swarmlink'))).toBeUndefined()
    expect(whyNot(at('https://example.com/OWNER/swarmlink'))).toMatch(/^package\.json holds the placeholder .+: replace it/)
    const half = { ...at('https://code.test/somewhere/swarmlink'), bugs: { url: 'https://example.com/OWNER/swarmlink/issues' } }
    expect(whyNot(half)).toMatch(/placeholder/)
    expect(whyNot({ ...at('https://code.test/a'), homepage: 'https://code.test/b' })).toMatch(
      /^homepage and bugs .+: let all three/,
    )
    expect(whyNot({})).toMatch(/lacks/)
  })
})
