import { describe, expect, test } from 'vitest'
import { errorTexts } from '../support/checks/error-texts.js'
import { readSources } from '../support/checks/sources.js'

describe('the error texts', () => {
  test('are those of the snapshot: what happened, and what to do', async () => {
    await expect(`${errorTexts(readSources()).join('\n')}\n`).toMatchFileSnapshot('error-texts.txt')
  })

  test('are found in every form in which the sources make an error', () => {
    const source = [
      "throw new SwarmlinkError('ERR_CLOSED', `the ${name} is closed: ` + 'open another')",
      "throw invalid('port', 'a whole number', port)",
      "return asError(error, 'ERR_ENGINE', 'the engine failed')",
      "throw new SwarmlinkError('ERR_ENGINE', message)",
    ].join('\n')
    expect(errorTexts(new Map([['a.ts', source]]))).toEqual([
      'a.ts: got …: port must be a whole number',
      'a.ts: the engine failed: …',
      'a.ts: the … is closed: open another',
    ])
  })
})
