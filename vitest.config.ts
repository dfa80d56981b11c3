import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig, type TestProjectInlineConfiguration, type ViteUserConfig } from 'vitest/config'
import type { BrowserConfigOptions } from 'vitest/node'
import { CHROMIUM_FLAGS, requireChromium } from './test/support/chromium.js'
import { requireFirefox } from './test/support/firefox.js'
import { firefox } from './test/support/firefox-provider.js'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The `imports` of package.json, pointing at the sources: their conditions `node` and `default`. */
const node = {
  '#dial': here('src/core/dial-node.ts'),
  '#engines': here('src/engine/engines-node.ts'),
  '#file-store': here('src/identity/file-store.ts'),
  // A mistake that a test does not expect is an uncaught exception: a listener of ours is at fault then.
  '#report': here('test/support/report.ts'),
}
const browser = {
  '#dial': here('src/core/dial-browser.ts'),
  '#engines': here('src/engine/engines-browser.ts'),
  '#file-store': here('src/identity/no-file-store.ts'),
  '#report': here('src/core/report-browser.ts'),
  // Its sources do not bundle; this is what the package offers to pages.
  webtorrent: here('node_modules/webtorrent/dist/webtorrent.min.js'),
}

// The bloom filter is CommonJS whose default export is the class; Node's own rules find it, vitest's guess does not.
const deps = { interopDefault: false }

/** What is begun in programs of their own is the package as it is published. */
const BUILD = 'test/support/build.ts'

/** Vitest takes one worker on two cores, and leaves half of the machine idle. */
const WORKERS = Math.max(2, availableParallelism() - 1)

/** Cases of each file of generated attacks: see `test/support/attacks.ts`. */
const ATTACKS = { files: 'test/unit/swarm/attacks-*.test.ts', few: 500, all: 10_000 }

/** Their bounds are in real time, on a machine that does nothing else. */
const ALONE = ['manager-signaling', 'tracker'].map(name => `test/net/${name}.test.ts`)

type Browser = Pick<BrowserConfigOptions, 'provider' | 'instances'>

function browserProject(name: string, files: string, groupOrder: number, options: Browser): TestProjectInlineConfiguration {
  return {
    resolve: { alias: browser },
    test: {
      name,
      include: [`test/browser/${files}.test.ts`],
      testTimeout: 30_000,
      deps,
      sequence: { groupOrder },
      browser: { enabled: true, headless: true, screenshotFailures: false, ...options },
    },
  }
}

function inChromium(executablePath: string): TestProjectInlineConfiguration {
  const provider = playwright({ launchOptions: { executablePath, args: CHROMIUM_FLAGS } })
  return browserProject('browser', '**/*', 3, { provider, instances: [{ browser: 'chromium' }] })
}

/** The contracts that depend on the browser's WebRTC; what the other files test is the same in all browsers. */
function inFirefox(): TestProjectInlineConfiguration {
  return browserProject('slow-firefox', '{engine,messages}', 7, { provider: firefox(), instances: [{ browser: 'firefox' }] })
}

export default defineConfig(async (): Promise<ViteUserConfig> => {
  // Other tools read this file too; only a test run may install what it needs.
  const running = process.env['VITEST'] !== undefined
  const chromiumPath = running ? await requireChromium() : 'chromium'
  const firefoxPath = running ? await requireFirefox() : 'firefox-esr'
  return {
    test: {
      reporters: ['default', './test/support/counts-reporter.ts'],
      coverage: { provider: 'v8', include: ['src/**'] },
      // One group after the other: what runs in real time on real sockets shares the machine with little else. Most of it mostly
      // waits, so three files at a time take little more than one.
      projects: [
        {
          resolve: { alias: node },
          // Whole swarms in virtual time take seconds of a processor that somebody else may want too.
          // Nothing outlives a test in there, so its files need no world of their own: half a minute less.
          test: {
            name: 'unit',
            include: ['test/unit/**/*.test.ts'],
            testTimeout: 30_000,
            isolate: false,
            maxWorkers: WORKERS,
            deps,
            provide: { attacks: ATTACKS.few },
          },
        },
        {
          resolve: { alias: node },
          test: { name: 'contract', include: ['test/contract/**/*.test.ts'], testTimeout: 60_000, maxWorkers: WORKERS, deps },
        },
        {
          resolve: { alias: node },
          test: {
            name: 'net',
            include: ['test/net/**/*.test.ts'],
            exclude: ALONE,
            globalSetup: BUILD,
            testTimeout: 60_000,
            hookTimeout: 60_000,
            deps,
            isolate: false,
            maxWorkers: WORKERS + 1,
            sequence: { groupOrder: 1 },
          },
        },
        {
          resolve: { alias: node },
          test: {
            name: 'net-alone',
            include: ALONE,
            globalSetup: BUILD,
            testTimeout: 60_000,
            hookTimeout: 60_000,
            deps,
            fileParallelism: false,
            sequence: { groupOrder: 2 },
          },
        },
        {
          // Floods, stalls and repetitions that take minutes: `npm run test:slow`.
          resolve: { alias: node },
          test: {
            name: 'slow',
            include: ['test/slow/**/*.test.ts'],
            globalSetup: BUILD,
            testTimeout: 120_000,
            hookTimeout: 60_000,
            deps,
            fileParallelism: false,
            sequence: { groupOrder: 4 },
          },
        },
        {
          // Whole swarms in virtual time that take seconds of a processor.
          resolve: { alias: node },
          test: {
            name: 'slow-simulate',
            include: ['test/simulate/**/*.test.ts'],
            testTimeout: 60_000,
            isolate: false,
            maxWorkers: WORKERS,
            deps,
            sequence: { groupOrder: 5 },
          },
        },
        {
          resolve: { alias: node },
          test: {
            name: 'slow-attacks',
            include: [ATTACKS.files],
            testTimeout: 900_000,
            maxWorkers: WORKERS,
            deps,
            provide: { attacks: ATTACKS.all },
            sequence: { groupOrder: 5 },
          },
        },
        {
          // Builds networks of its own, as root; `npm run test:nat` runs it alone.
          test: {
            name: 'slow-nat',
            include: ['test/nat/**/*.test.ts'],
            globalSetup: BUILD,
            testTimeout: 60_000,
            hookTimeout: 60_000,
            fileParallelism: false,
            sequence: { groupOrder: 6 },
          },
        },
        ...(chromiumPath === undefined ? [] : [inChromium(chromiumPath)]),
        ...(firefoxPath === undefined ? [] : [inFirefox()]),
      ],
    },
  }
})
