import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Demo } from '../support/demo.js'

afterEach(() => Demo.killAll())

/** Control sequences of a terminal. */
const ESCAPE = '\u001B'
const mesh = (...args: string[]) => new Demo(process.execPath, [join('demo', 'mesh.js'), ...args])

describe('npm run demo:mesh', () => {
  it(
    'broadcasts to all members, loses half of them, heals, and ends with code 0 [C9] [C6] [C5]',
    { timeout: 120_000 },
    async () => {
      const demo = mesh('--members', '6')
      expect(await demo.ended, demo.err).toBe(0)
      expect(demo.err).toBe('')
      const reached = [...demo.out.matchAll(/^Reached (\d+) of (\d+), the last one after \d.*, over at most \d+ hops\.$/gm)]
      expect(reached.map(([, those, all]) => `${those}/${all}`)).toEqual(['5/5', '5/5', '2/2', '2/2'])
      expect(demo.out).toMatch(/^Whole after .+: all 6 members are in one piece/m)
      expect(demo.out).toMatch(/^Killed 3 of 6 processes with SIGKILL/m)
      expect(demo.out).toMatch(/^Healed after .+: all 3 members are in one piece/m)
      expect(demo.out).toMatch(/^3 members left\. Goodbye\.$/m)
      expect(demo.out).not.toContain(ESCAPE)
    },
  )

  it('ends after Ctrl-C, with all of its processes [C9]', async () => {
    const demo = mesh('--members', '4')
    await demo.says(/^Whole after/m)
    demo.signal('SIGINT')
    expect([await demo.ended, demo.err]).toEqual([130, ''])
  })

  it('ends after Ctrl-C before its processes have begun [C9]', async () => {
    const demo = mesh('--members', '4')
    await demo.says(/meet at/)
    demo.signal('SIGINT')
    expect([await demo.ended, demo.err]).toEqual([130, ''])
  })

  it('takes its processes with it when it is killed [C9]', async () => {
    const demo = mesh('--members', '4')
    await demo.says(/^Whole after/m)
    demo.signal('SIGKILL')
    expect(await demo.ended).toBe(null)
  })

  it.each([
    ['too few members', ['--members', '3'], /--members takes a number from 4 to 100, not 3/],
    ['no number of members', ['--members', 'many'], /--members takes a number/],
    ['an unknown option', ['--fast'], /--fast/],
    ['an option of the chat', ['--name', 'Ada'], /--name is an option of the chat: add --chat/],
    ['an option of the show', ['--chat', '--members', '5'], /--members is no option of the chat/],
    ['a tracker of another kind', ['--chat', '--tracker', 'udp://127.0.0.1:1'], /--tracker takes an address that begins with ws/],
  ])('prints one line that says what is wrong: %s [C9]', async (_what, args, words) => {
    const refused = mesh(...args)
    expect(await refused.ended).toBe(2)
    expect(refused.err).toMatch(/^error: [^\n]+\n$/)
    expect(refused.err).toMatch(words)
  })
})

describe('npm run demo:mesh -- --chat', () => {
  it('carries lines and names between terminals, and says when a member leaves [C9] [C2]', async () => {
    const ada = mesh('--chat', '--name', 'Ada', '--room', 'a room')
    const [, options = ''] = await ada.says(/^Others join with: npm run demo:mesh -- (.+)$/m)
    await ada.says(/^You are Ada in a room/m)
    ada.type('hello?')
    await ada.says(/^\(no member is connected yet: not sent\)$/m)

    const bob = new Demo('sh', ['-c', `exec ${process.execPath} demo/mesh.js --name Bob ${options}`])
    await Promise.all([ada.says(/^\* Bob is here$/m), bob.says(/^\* Ada is here$/m)])
    ada.type('good \u001B[2Jmorning')
    await bob.says(/^Ada: good {2}\[2Jmorning$/m)
    bob.type('/nick Robert')
    await ada.says(/^\* Bob is Robert now$/m)
    bob.type('good evening')
    await ada.says(/^Robert: good evening$/m)
    ada.type('/peers')
    await ada.says(/^\(2 members, 1 of them connected to you\)\n {2}Robert: (ring|long|random), \d+ ms$/m)
    ada.type('/stats')
    await ada.says(/^ {2}members 2, connections 1, /m)
    ada.type('/dance')
    await ada.says(/^\(\/nick NAME changes your name/m)

    const cleo = new Demo('sh', ['-c', `exec ${process.execPath} demo/mesh.js --name Cleo ${options}`])
    await cleo.says(/^Robert: good evening$/m) // said before Cleo came
    cleo.type('/quit')
    await ada.says(/^\* Cleo is gone$/m)

    bob.type('/quit')
    await ada.says(/^\* Robert is gone$/m)
    for (const member of [cleo, bob]) expect([await member.ended, member.err]).toEqual([0, '']) // the tracker is Ada's
    ada.signal('SIGINT')
    expect([await ada.ended, ada.err]).toEqual([0, ''])
  })
})
