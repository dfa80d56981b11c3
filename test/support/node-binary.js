// @ts-check
/** Node of another version, from npm: the package `node` only fetches one of these by an install script, so take it directly. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { toolFolder } from './tool-folder.js'

export const NODE_VERSIONS = ['20', '22', '24']

/** The path of that Node. @param {string} version */
export async function nodeBinary(version) {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'
  const name = `${prefix}-${platform}-${process.arch}`
  const folder = await toolFolder(`${name}@${version}`)
  const path = join(folder, 'node_modules', name, 'bin', platform === 'win' ? 'node.exe' : 'node')
  if (!existsSync(path)) throw new Error(`npm installed ${name}@${version} without a program`)
  return path
}
