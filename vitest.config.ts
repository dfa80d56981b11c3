import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig, type TestProjectInlineConfiguration, type ViteUserConfig } from 'vitest/config'
import type { BrowserConfigOptions } from 'vitest/node'
import { CHROMIUM_FLAGS, requireChromium } from './test/support/browsers/chromium.js'
import { requireFirefox } from './test/support/browsers/firefox.js'
import { firefox } from './test/support/browsers/firefox-provider.js'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The `imports` of package.json with the conditions `node` and `default`, resolved to the sources. */
const node = {
  '#dial': here('src/core/dial-node.ts'),
  '#engines': here('src/engine/load-engine-node.ts'),
  '#file-store': here('src/identity/file-store.ts'),
  '#rtc': here('src/media/load-rtc-node.ts'),
  // Throws errors that a test does not expect as uncaught exceptions, because then a test's callback is faulty.
  '#report': here('test/support/report.ts'),
}
const browser = {
  '#dial': here('src/core/dial-browser.ts'),
  '#engines': here('src/engine/load-engine-browser.ts'),
  '#file-store': here('src/identity/no-file-store.ts'),
  '#rtc': here('src/media/load-rtc-browser.ts'),
  '#report': here('src/core/report-browser.ts'),
  // WebTorrent's sources do not bundle. This is its build for pages.
  webtorrent: here('node_modules/webtorrent/dist/webtorrent.min.js'),
}

// `bloom-filters` is CommonJS with the class as its default export. Node's rules find it, vitest's interop does not.
const deps = { interopDefault: false }

/** Tests that start programs run the package as it is published. */
const BUILD = 'test/support/build.ts'

/** For projects with `isolate: false`. */
const PENDING_IMPORTS = 'test/support/pending-imports.ts'

/** On two cores vitest's default is one worker, which leaves half of the machine idle. */
const WORKERS = Math.max(2, availableParallelism() - 1)

/** Cases per file of generated attacks: see `test/support/hostile/attacks.ts`. */
const ATTACKS = { files: 'test/simulate/attacks-*.test.ts', few: 500, all: 10_000 }

/** Tests with real-time bounds for an otherwise idle machine. */
const ALONE = ['manager-signaling', 'tracker'].map(name => `test/net/${name}.test.ts`)

type Browser = Pick<BrowserConfigOptions, 'provider' | 'instances'>

function browserProject(
  name: string,
  files: string,
  groupOrder: number,
  maxWorkers: number,
  options: Browser,
): TestProjectInlineConfiguration {
  return {
    resolve: { alias: browser },
    test: {
      name,
      include: [`test/browser/${files}.test.ts`],
      testTimeout: 30_000,
      deps,
      maxWorkers,
      sequence: { groupOrder },
      browser: { enabled: true, headless: true, screenshotFailures: false, ...options },
    },
  }
}

function inChromium(executablePath: string): TestProjectInlineConfiguration {
  const provider = playwright({ launchOptions: { executablePath, args: CHROMIUM_FLAGS } })
  return browserProject('browser', '**/*', 1, WORKERS + 1, { provider, instances: [{ browser: 'chromium' }] })
}

/** The contracts that depend on the browser's WebRTC. The other files test what is the same in all browsers. */
function inFirefox(): TestProjectInlineConfiguration {
  return browserProject('slow-firefox', '{engine,messages}', 7, 1, { provider: firefox(), instances: [{ browser: 'firefox' }] })
}

export default defineConfig(async (): Promise<ViteUserConfig> => {
  // Other tools read this file too, and only a test run may install browsers.
  const running = process.env['VITEST'] !== undefined
  const chromiumPath = running ? await requireChromium() : 'chromium'
  const firefoxPath = running ? await requireFirefox() : 'firefox-esr'
  return {
    test: {
      reporters: ['default', './test/support/counts-reporter.ts'],
      // Saves two of twenty seconds of a repeated run of the unit tests.
      experimental: { fsModuleCache: true },
      // Tests with processes take the processor's time, so more of them at once only wait longer for each other.
      maxConcurrency: 4,
      coverage: { provider: 'v8', include: ['src/**'] },
      // A page that must connect while two cores are busy with other tests has its time.
      browser: { connectTimeout: 180_000 },
      // One group after the other, so that tests with real sockets and real time share the machine with little else. Most of
      // them wait as well, so a worker more than cores keeps both busy.
      projects: [
        {
          resolve: { alias: node },
          // Unit tests leave nothing behind, so the files of a worker share one module graph, which saves 30 s.
          test: {
            name: 'unit',
            include: ['test/unit/**/*.test.ts'],
            testTimeout: 30_000,
            isolate: false,
            setupFiles: PENDING_IMPORTS,
            maxWorkers: WORKERS + 1,
            deps,
          },
        },
        {
          resolve: { alias: node },
          // Whole swarms in virtual time take seconds of processor time. The timeout only finds a test that hangs: a thread pool makes
          // the signatures, so on a busy machine a test takes ten times as long.
          test: {
            name: 'simulate',
            include: ['test/simulate/*.test.ts'],
            testTimeout: 120_000,
            isolate: false,
            setupFiles: PENDING_IMPORTS,
            maxWorkers: WORKERS + 1,
            deps,
            provide: { attacks: ATTACKS.few },
          },
        },
        {
          resolve: { alias: node },
          test: { name: 'contract', include: ['test/contract/**/*.test.ts'], testTimeout: 60_000, maxWorkers: WORKERS + 1, deps },
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
            setupFiles: PENDING_IMPORTS,
            maxWorkers: WORKERS + 1,
            sequence: { groupOrder: 2 },
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
            sequence: { groupOrder: 3 },
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
          // Swarms of hundreds of peers in virtual time.
          resolve: { alias: node },
          test: {
            name: 'slow-simulate',
            include: ['test/simulate/slow/*.test.ts'],
            testTimeout: 60_000,
            isolate: false,
            setupFiles: PENDING_IMPORTS,
            maxWorkers: WORKERS + 1,
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
            maxWorkers: WORKERS + 1,
            deps,
            provide: { attacks: ATTACKS.all },
            sequence: { groupOrder: 5 },
          },
        },
        {
          // Builds network namespaces, as root. `npm run test:nat` runs it alone.
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
        {
          // Every package manager, runtime, compiler and bundler, on the packed package: `npm run test:consumers`. Most of the time is
          // installs, which wait for the network.
          test: {
            name: 'consumers',
            include: ['test/consumers/*.test.ts'],
            globalSetup: BUILD,
            testTimeout: 240_000,
            hookTimeout: 240_000,
            maxWorkers: 2,
            sequence: { groupOrder: 8 },
          },
        },
        ...(chromiumPath === undefined ? [] : [inChromium(chromiumPath)]),
        ...(firefoxPath === undefined ? [] : [inFirefox()]),
      ],
    },
  }
})
