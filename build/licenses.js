// @ts-check
/** Writes the licences of the packages whose code is in `dist` into `dist/LICENSES.txt`. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dist } from './paths.js'

/** @param {string[]} folders of packages */
export function writeLicenses(folders) {
  const texts = [...new Set(folders)].toSorted().map(folder => {
    const { name, version } = manifestOf(folder)
    return `${name} ${version}\n\n${licenseOf(folder)}\n`
  })
  writeFileSync(join(dist, 'LICENSES.txt'), `The files in this folder contain code of these packages.\n\n${texts.join('\n')}`)
}

/** The text of the licence, or its name where the package has no text. @param {string} folder */
function licenseOf(folder) {
  const file = readdirSync(folder).find(name => /^licen[cs]e(?:\.|$)/i.test(name))
  if (file !== undefined) return readFileSync(join(folder, file), 'utf8').trim()
  const { license, author } = manifestOf(folder)
  return `Licence: ${license}. Author: ${author}. The package holds no text of the licence.`
}

/** @param {string} folder @returns {{ name: string, version: string, license: string, author: string }} */
function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}
