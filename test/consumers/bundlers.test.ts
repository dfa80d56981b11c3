import { spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchChromium, requireChromium } from '../support/browsers/chromium.js'
import { launchFirefox, requireFirefox } from '../support/browsers/firefox.js'
import { serveFiles, type Files } from '../support/browsers/pages.js'
import { scriptPage } from '../support/browsers/script-page.js'
import { execute, Lab, PINS, versionOf } from './lab.js'

/** The common part of both browser libraries. */
interface Browser {
  newPage(): Promise<{
    goto(url: string): Promise<unknown>
    evaluate<Result>(call: () => Result): Promise<Awaited<Result>>
    close(): Promise<void>
  }>
  close(): Promise<void>
}

/** What page.js sets in its page. */
interface InPage {
  outcome?: Promise<unknown>
}

const HTML = (script: string) => `<!doctype html><meta charset="utf-8"><script type="module" src="${script}"></script>`
const ROLLUP = `import commonjs from '@rollup/plugin-commonjs'
import { nodeResolve } from '@rollup/plugin-node-resolve'
export default { input: 'page.js', output: { dir: 'dist', format: 'es' }, plugins: [nodeResolve({ browser: true }), commonjs()] }
`

/** Each with what its documentation says for a page. The majors are fixed, so that only a change of this package can break a row. */
const BUNDLERS = [
  { name: 'Vite', packages: ['vite@8'], command: ['vite', 'build'], files: { 'index.html': HTML('/page.js') } },
  {
    name: 'esbuild',
    packages: ['esbuild@0'],
    command: ['esbuild', 'page.js', '--bundle', '--format=esm', '--splitting', '--outdir=dist'],
  },
  {
    name: 'webpack',
    packages: ['webpack@5', 'webpack-cli@7'],
    command: ['webpack', './page.js', '--mode', 'production', '--output-filename', 'page.js'],
  },
  {
    name: 'Rollup',
    packages: ['rollup@4', '@rollup/plugin-node-resolve@16', '@rollup/plugin-commonjs@29'],
    command: ['rollup', '-c'],
    files: { 'rollup.config.js': ROLLUP },
  },
  {
    name: 'Parcel',
    packages: ['parcel@2'],
    command: ['parcel', 'build', 'index.html', '--no-cache', '--no-autoinstall'],
    files: { 'index.html': HTML('page.js') },
    settings: { '@parcel/resolver-default': { packageExports: true } },
  },
]

const BROWSERS = [
  { browser: 'Chromium', installed: await requireChromium(), launch: (): Promise<Browser> => launchChromium() },
  { browser: 'Firefox', installed: await requireFirefox(), launch: (): Promise<Browser> => launchFirefox() },
].filter(({ installed }) => installed !== undefined)

const running = new Map<string, Browser>()
let lab: Lab

beforeAll(async () => {
  lab = await Lab.open()
  for (const { browser, launch } of BROWSERS) running.set(browser, await launch())
})
afterAll(async () => {
  for (const browser of running.values()) await browser.close()
  await lab?.close()
})

/** The text files below a folder by URL. */
async function built(folder: string): Promise<Files> {
  const names = await readdir(folder, { recursive: true })
  const texts = names.filter(name => /\.(?:js|html)$/.test(name))
  return await Promise.all(texts.map(async name => [`/${name}`, await readFile(join(folder, name), 'utf8')] as [string, string]))
}

async function expectPage(browser: string, name: string, url: string): Promise<void> {
  const page = await running.get(browser)?.newPage()
  if (page === undefined) throw new Error(`${browser} does not run`)
  const { magnet, tracker } = lab
  await page.goto(`${url}#${String(new URLSearchParams({ magnet, tracker, name }))}`)
  await lab.expectTransfer(name, await page.evaluate(() => (globalThis as InPage).outcome))
  await page.close()
}

describe.for(BUNDLERS)('a page that $name built', ({ name, packages, command, files = {}, settings = {} }) => {
  let site: Awaited<ReturnType<typeof serveFiles>>
  let version: string

  beforeAll(async () => {
    const cwd = await lab.npmProject(packages, {
      'package.json': { private: true, type: 'module', overrides: PINS, ...settings },
      ...files,
    })
    const [program = '', ...args] = command
    await execute(join('node_modules/.bin', program), args, { cwd })
    site = await serveFiles([['/', HTML('/page.js')], ...(await built(join(cwd, 'dist')))])
    version = await versionOf(cwd, program)
  })
  afterAll(() => site?.close())

  test.for(BROWSERS)('downloads a torrent and exchanges a message in $browser [X9]', async ({ browser }, { task }) => {
    await expectPage(browser, `${name} in ${browser}`, `${site.origin}/${'index.html' in files ? 'index.html' : ''}`)
    task.meta.row = { group: 'bundlers', tool: name, version, way: browser }
  })
})

describe('a page that Vite serves while it is developed', () => {
  test.for(BROWSERS)(
    'downloads a torrent and exchanges a message in $browser [X9]',
    async ({ browser }, { task, onTestFinished }) => {
      const cwd = await lab.npmProject(['vite@8'], { 'index.html': HTML('/page.js') })
      const vite = spawn(process.execPath, ['node_modules/vite/bin/vite.js', '--host', '127.0.0.1', '--port', '0'], {
        cwd,
        env: { ...process.env, NO_COLOR: '1' },
      })
      onTestFinished(() => void vite.kill())
      const url = await new Promise<string>((resolve, reject) => {
        let output = ''
        vite.stdout.on('data', data => {
          output += String(data)
          const [found] = /http:\/\/127\.0\.0\.1:\d+\//.exec(output) ?? []
          if (found !== undefined) resolve(found)
        })
        vite.once('exit', () => reject(new Error(`vite ended:\n${output}`)))
      })
      await expectPage(browser, `Vite, serving ${browser}`, url)
      task.meta.row = { group: 'bundlers', tool: 'Vite', version: await versionOf(cwd, 'vite'), way: 'dev server, too' }
    },
  )
})

describe('a page without a bundler', () => {
  test.for(BROWSERS)(
    'downloads a torrent and exchanges a message in $browser [X9]',
    async ({ browser }, { task, onTestFinished }) => {
      const cwd = await lab.npmProject()
      const site = await serveFiles(await scriptPage(path => readFile(join(cwd, 'node_modules', path), 'utf8'), lab.tracker))
      onTestFinished(() => site.close())
      const page = await running.get(browser)?.newPage()
      if (page === undefined) throw new Error(`${browser} does not run`)
      await page.goto(`${site.origin}/page.html#${lab.magnet}`)
      const shown = () => page.evaluate(() => document.body.textContent)
      await expect.poll(shown, { timeout: 30_000 }).toContain('payload is here: 200000 bytes')
      await expect.poll(shown, { timeout: 30_000 }).toContain('{"from":"the seeder"}')
      await page.close()
      task.meta.row = { group: 'bundlers', tool: 'no bundler', way: browser }
    },
  )
})

describe('a bundle for Node that esbuild built', () => {
  /** Packages with binaries are not bundled. */
  const COMMAND = [
    'leech.js',
    '--bundle',
    '--platform=node',
    '--format=esm',
    '--external:webtorrent',
    '--external:node-datachannel',
  ]
  const REQUIRE = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)`
  let cwd: string

  beforeAll(async () => {
    cwd = await lab.npmProject(['esbuild@0'])
  })

  test('downloads a torrent and exchanges a message, with a `require` for CommonJS packages [X9]', async ({ task }) => {
    await execute('node_modules/.bin/esbuild', [...COMMAND, '--outfile=bundle.mjs', `--banner:js=${REQUIRE}`], { cwd })
    await lab.expectProgram('esbuild for Node', process.execPath, ['bundle.mjs'], { cwd })
    task.meta.row = { group: 'bundlers', tool: 'esbuild', way: 'Node, too', version: await versionOf(cwd, 'esbuild') }
  })

  test('does not start without that `require`, because the package debug is CommonJS [X9]', async () => {
    await execute('node_modules/.bin/esbuild', [...COMMAND, '--outfile=bare.mjs'], { cwd })
    await expect(execute(process.execPath, ['bare.mjs', ...lab.args('none')], { cwd })).rejects.toThrow(
      'Dynamic require of "tty"',
    )
  })
})

test('Parcel does not find the package unless it is told to read exports [X9]', async () => {
  const cwd = await lab.npmProject(['parcel@2'], { 'index.html': HTML('page.js') })
  const building = execute('node_modules/.bin/parcel', ['build', 'index.html', '--no-cache', '--no-autoinstall'], { cwd })
  await expect(building).rejects.toThrow("Failed to resolve 'swarmlink'")
})
