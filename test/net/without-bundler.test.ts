import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { requireChromium } from '../support/chromium.js'
import { openPages } from '../support/pages.js'
import { Processes } from '../support/processes.js'
import { scriptPage } from '../support/script-page.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const chromium = await requireChromium()

test.skipIf(chromium === undefined)(
  'the page of the guide fetches a torrent and exchanges messages without a bundler [X9]',
  async ({ onTestFinished }) => {
    const modules = await mkdtemp(join(tmpdir(), 'swarmlink-page-'))
    onTestFinished(() => rm(modules, { recursive: true }))
    await cp(join(root, 'dist'), join(modules, 'swarmlink/dist'), { recursive: true })
    await symlink(join(root, 'node_modules/webtorrent'), join(modules, 'webtorrent'))
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const seeder = await processes.client({ plugin: { trackers: [url], greeting: { from: 'the seeder' } } })
    const { magnet } = await seeder.ask('seed', { name: 'words.txt', size: 100_000 })
    const site = await openPages(await scriptPage(modules, url))
    onTestFinished(() => site.close())
    const page = await site.browser.newPage()
    const wrong: string[] = []
    page.on('pageerror', error => wrong.push(error.message))
    await page.goto(`${site.origin}/page.html#${magnet}`)
    await page.getByText('words.txt is here: 100000 bytes').waitFor()
    await page.getByText('{"from":"the seeder"}').waitFor()
    expect((await seeder.next('data')).data).toBe('hello from a page without a bundler')
    expect(wrong).toEqual([])
  },
)
