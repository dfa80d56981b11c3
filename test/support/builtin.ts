/** Replaces a function of a module of Node for one test: the unit tests of a worker share their modules, so a mocked module comes too late. */
import { syncBuiltinESMExports } from 'node:module'
import { onTestFinished } from 'vitest'

export function replaceBuiltin<Module extends object, Name extends keyof Module>(
  module: Module,
  name: Name,
  value: Module[Name],
): void {
  const original = module[name]
  set(module, name, value)
  onTestFinished(() => set(module, name, original))
}

function set<Module extends object, Name extends keyof Module>(module: Module, name: Name, value: Module[Name]): void {
  module[name] = value
  syncBuiltinESMExports()
}
