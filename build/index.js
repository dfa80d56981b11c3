// @ts-check
/** `npm run build`: makes `dist`, the published files, from `src`. */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { reduceDeclarations } from './declarations.js'
import { writeLicenses } from './licenses.js'
import { minifyModules } from './minify.js'
import { dist, root } from './paths.js'
import { bundleScript } from './script.js'
import { bundleLibraries } from './libraries.js'

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')

rmSync(dist, { recursive: true, force: true })
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
reduceDeclarations()
const inLibraries = await bundleLibraries()
minifyModules()
const inScript = await bundleScript()
writeLicenses([...inLibraries, ...inScript])
