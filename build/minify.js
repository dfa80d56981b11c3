// @ts-check
/**
 * Minifies the modules of `dist`: comments are half of what the compiler writes. Names of classes and functions stay, because stack traces
 * show them.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { minifySync } from 'vite'
import { filesEnding } from './paths.js'

export const TARGET = 'es2022'

const OPTIONS = {
  module: true,
  compress: { target: TARGET, keepNames: { function: true, class: true } },
  mangle: { toplevel: true, keepNames: true },
  codegen: { removeWhitespace: true, legalComments: /** @type {const} */ ('none') },
}

export function minifyModules() {
  for (const path of filesEnding('.js')) {
    const { code, errors } = minifySync(path, readFileSync(path, 'utf8'), OPTIONS)
    const [error] = errors
    if (error !== undefined) throw new Error(`${path} cannot be minified: ${error.message}`)
    writeFileSync(path, code)
  }
}
