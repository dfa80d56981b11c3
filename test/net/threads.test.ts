import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Processes } from '../support/processes.js'

const WITHOUT_WEBRTC = fileURLToPath(new URL('fixtures/without-webrtc.js', import.meta.url))
const RULE = /main thread of a Node process only.*child process/

describe.concurrent('WebRTC in the threads of one Node process', () => {
  it('is refused in a worker, with advice, and the room in the main thread keeps meeting peers [X9]', async ({
    onTestFinished,
  }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const child = await processes.start('threads')
    await child.ask('enter', { url, meets: false })
    for (let round = 0; round < 2; round++)
      expect(await child.ask('work', { task: 'room' })).toEqual({ code: 'ERR_NO_WEBRTC', message: expect.stringMatching(RULE) })
    const other = await processes.start('threads')
    await other.ask('enter', { url, meets: true })
    for (const side of [child, other]) {
      side.tell('end', {})
      expect(await side.exit()).toMatchObject({ code: 0, signal: null })
      expect(side.errors).toBe('')
    }
  })

  it('is refused in a worker that comes first, too, and works in the main thread afterwards [X9]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const child = await processes.start('threads')
    expect(await child.ask('work', { task: 'room' })).toMatchObject({ code: 'ERR_NO_WEBRTC' })
    const other = await processes.start('threads')
    await Promise.all([child, other].map(side => side.ask('enter', { url, meets: true })))
    for (const side of [child, other]) {
      side.tell('end', {})
      expect(await side.exit()).toMatchObject({ code: 0, signal: null })
    }
  })

  it('is not tried in a worker by the doctor, which says why [X8]', async ({ onTestFinished }) => {
    const child = await new Processes(onTestFinished).start('threads')
    const { used, found } = await child.ask('work', { task: 'doctor' })
    expect(used).toBeUndefined()
    for (const name of ['node-datachannel', '@roamhq/wrtc'])
      expect(found).toContainEqual(expect.objectContaining({ name, loads: false, obstacle: expect.stringMatching(RULE) }))
    child.tell('end', {})
    expect(await child.exit()).toMatchObject({ code: 0 })
  })

  describe.skipIf(process.platform !== 'linux')('WebRTC after a worker loaded node-datachannel, like WebTorrent does', () => {
    it('uses @roamhq/wrtc in the main thread where that is installed [X9]', async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const { url } = await processes.tracker()
      const child = await processes.start('threads')
      await child.ask('work', { task: 'polyfill' })
      const other = await processes.start('threads')
      await Promise.all([child, other].map(side => side.ask('enter', { url, meets: true })))
      for (const side of [child, other]) {
        side.tell('end', {})
        expect(await side.exit()).toMatchObject({ code: 0, signal: null })
      }
    })

    it('is refused in the main thread where it is not, with advice [X9]', async ({ onTestFinished }) => {
      const child = await new Processes(onTestFinished).start('threads', { nodeOptions: ['--import', WITHOUT_WEBRTC] })
      await child.ask('work', { task: 'polyfill' })
      await expect(child.ask('enter', { url: 'ws://127.0.0.1:9', meets: false })).rejects.toMatchObject({
        code: 'ERR_NO_WEBRTC',
        message: expect.stringMatching(/node-datachannel was loaded first by a worker thread.*child process/),
      })
      child.tell('end', {})
      expect(await child.exit()).toMatchObject({ code: 0, signal: null })
    })
  })
})
