import { describe, expect, test } from 'vitest'
import { SwarmlinkError } from '../../../src/core/errors.js'
import { LastingChannel, OPEN_DEADLINE, type LastingChannelDeps } from '../../../src/peer/lasting-channel.js'
import { FakeChannel, FakeNet } from '../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

function setUp(parts: Partial<LastingChannelDeps> = {}) {
  const env = new VirtualEnv()
  const net = new FakeNet(env)
  const used: FakeChannel[] = []
  const errors: SwarmlinkError[] = []
  const lasting = new LastingChannel({
    env,
    name: 'the channel',
    isWell: () => true,
    use: channel => used.push(channel as FakeChannel), // every channel here is a FakeChannel
    failed: error => errors.push(error),
    ...parts,
  })
  return { env, net, used, errors, lasting, make: () => new FakeChannel(net, 'x') }
}

/** The side that opens channels, none of which opens by itself. */
function opener(parts: Partial<LastingChannelDeps> = {}) {
  const at: number[] = []
  const side = setUp({
    ...parts,
    open: () => {
      at.push(side.env.now())
      return side.make()
    },
  })
  return { ...side, at }
}

describe('LastingChannel on the opening side', () => {
  test('is reopened after 100 ms, 400 ms and 1.6 s, and given up at the fourth loss [X1]', async () => {
    const { env, used, errors, lasting, at } = opener()
    lasting.start()
    for (let i = 0; i < 4; i++) {
      used[i]?.open()
      expect(lasting.channel).toBe(used[i])
      used[i]?.end()
      expect(lasting.channel).toBeUndefined()
      await env.advance(2_000)
    }
    expect(at).toEqual([0, 100, 2_400, 5_600])
    expect(errors.map(({ code }) => code)).toEqual(['ERR_CHANNEL_LOST'])
    lasting.start()
    expect([lasting.channel, used.length, env.pendingTimers]).toEqual([undefined, 4, 0])
  })

  test('is reopened as long as the connection lasts when it is lost once in five minutes [X1]', async () => {
    const { env, used, errors, lasting } = opener()
    lasting.start()
    for (let i = 0; i < 50; i++) {
      used.at(-1)?.open()
      await env.advance(300_000)
      used.at(-1)?.end()
      await env.advance(2_000)
    }
    expect([used.length, errors]).toEqual([51, []])
  })

  test('is closed and replaced when it does not open within the deadline [X1]', async () => {
    const { env, used, lasting } = opener()
    lasting.start()
    await env.advance(OPEN_DEADLINE - 1)
    expect([used.length, lasting.channel]).toEqual([1, used[0]])
    await env.advance(1)
    expect(used[0]?.state).toBe('closed')
    await env.advance(100)
    used[1]?.open()
    await env.advance(10 * OPEN_DEADLINE)
    expect([used.length, lasting.channel?.state]).toEqual([2, 'open'])
  })

  test('counts as lost when the engine throws instead of opening it [X1]', async () => {
    let refusals = 2
    const { env, used, lasting, make } = setUp({
      open: () => {
        if (refusals-- > 0) throw new SwarmlinkError('ERR_ENGINE', 'the engine refused')
        return make()
      },
    })
    lasting.start()
    await env.advance(499)
    expect(used).toHaveLength(0)
    await env.advance(1)
    expect([used.length, lasting.channel]).toEqual([1, used[0]])
  })

  test('stays as it is after its release, and is not reopened [X1]', async () => {
    for (const state of ['connecting', 'open', 'lost']) {
      const { env, used, errors, lasting } = opener()
      lasting.start()
      if (state === 'open') used[0]?.open()
      if (state === 'lost') used[0]?.end()
      lasting.release()
      expect([used[0]?.state, env.pendingTimers]).toEqual([state === 'lost' ? 'closed' : state, 0])
      used[0]?.end()
      lasting.start()
      await env.advance(60_000)
      expect([used.length, errors]).toEqual([1, []])
    }
  })

  test('takes no channel from the remote [X1]', () => {
    const { used, lasting, make } = opener()
    lasting.start()
    const theirs = make()
    expect([lasting.adopt(theirs), theirs.state, lasting.channel]).toEqual([false, 'closed', used[0]])
  })

  test('may be closed by its user, at once [X1]', async () => {
    const { env, lasting } = opener({ use: () => lasting.close() })
    lasting.start()
    expect([lasting.channel, env.pendingTimers]).toEqual([undefined, 0])
  })
})

describe('LastingChannel on the accepting side', () => {
  test('is waited for up to `patience`, from the start and after each loss [X1]', async () => {
    const { env, errors, lasting, make } = setUp({ patience: 1_000 })
    await env.advance(5_000)
    lasting.start()
    await env.advance(999)
    const first = make()
    first.open()
    expect(lasting.adopt(first)).toBe(true)
    await env.advance(60_000)
    first.end()
    await env.advance(999)
    expect(errors).toEqual([])
    await env.advance(1)
    expect(errors.map(({ code }) => code)).toEqual(['ERR_CHANNEL_LOST'])
    const late = make()
    expect([lasting.adopt(late), late.state, env.pendingTimers]).toEqual([false, 'closed', 0])
  })

  test('is waited for without end where no `patience` is set [X1]', async () => {
    const { env, errors, lasting, make, used } = setUp()
    lasting.start()
    const first = make()
    lasting.adopt(first)
    first.end()
    await env.advance(3_600_000)
    expect(errors).toEqual([])
    const second = make()
    expect([lasting.adopt(second), used.length]).toEqual([true, 2])
  })

  test('counts as lost when it arrives closed or does not open [X1]', async () => {
    const { env, errors, lasting, make } = setUp({ patience: 1_000 })
    lasting.start()
    const dead = make()
    dead.end()
    lasting.adopt(dead)
    expect(lasting.channel).toBeUndefined()
    const mute = make()
    lasting.adopt(mute)
    await env.advance(OPEN_DEADLINE)
    expect([mute.state, lasting.channel, errors]).toEqual(['closed', undefined, []])
    await env.advance(1_000)
    expect(errors).toHaveLength(1)
  })

  test('is replaced by a newer one, three times [X1]', () => {
    const { env, errors, lasting, make } = setUp({ patience: 1_000 })
    const channels = Array.from({ length: 5 }, make)
    for (const channel of channels) {
      channel.open()
      lasting.adopt(channel)
    }
    expect(channels.map(({ state }) => state)).toEqual(Array(5).fill('closed'))
    expect([errors.length, lasting.channel, env.pendingTimers]).toEqual([1, undefined, 0])
  })
})
