import { expect, test } from 'vitest'
import type { Row } from '../consumers/lab.js'
import { tableOf } from '../consumers/table.js'

test('the table of consumers has a row per group, and names what all tools of a group have in common once [X9]', () => {
  const rows: Row[] = [
    { group: 'bundlers', tool: 'Vite', version: '8.4', way: 'Chromium' },
    { group: 'bundlers', tool: 'Vite', version: '8.4', way: 'dev server, too' },
    { group: 'bundlers', tool: 'no bundler', way: 'Chromium' },
    { group: 'TypeScript', tool: 'TypeScript', version: '5.4', way: '`nodenext`' },
    { group: 'package managers', tool: 'npm', version: '11.19' },
    { group: 'package managers', tool: 'Yarn', version: '4.18', way: 'PnP' },
  ]
  const lines = tableOf(rows).split('\n')
  expect(lines).toContain('| package managers | npm 11.19, Yarn 4.18 (PnP) |')
  expect(lines).toContain('| TypeScript | 5.4; each with `nodenext` |')
  expect(lines.find(line => line.startsWith('| bundlers'))).toMatch(
    /^\| bundlers \| Vite 8\.4 \(dev server, too\), no bundler; each with Chromium; /,
  )
})
