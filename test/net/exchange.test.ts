import { describe, expect, it } from 'vitest'
import { Processes, type Child, type Report } from '../support/processes.js'

interface Seeded {
  infoHash: string
  magnet: string
  file: string
  sha256: string
}

const of =
  ({ infoHash }: { infoHash: string }) =>
  (report: Report) =>
    report['infoHash'] === infoHash

/** What users do by hand: one invites, the other answers, and the first takes the answer. */
async function meetByHand(member: Child, newcomer: Child, { infoHash }: Seeded): Promise<void> {
  const answer = await newcomer.ask('connect', { signal: await member.ask('invite', { infoHash }) })
  expect(await member.ask('connect', { signal: answer })).toBeUndefined()
}

async function join(newcomer: Child, member: Child, seeded: Seeded): Promise<void> {
  await newcomer.ask('add', { torrent: seeded.magnet })
  await meetByHand(member, newcomer, seeded)
  expect(await newcomer.next('done', of(seeded))).toMatchObject({ sha256: seeded.sha256 })
}

async function idOf(child: Child): Promise<string> {
  return (await child.next('ready'))['peerId'] as string // from the manager's event
}

/** Expects that each has a wire and a message channel to every other. Returns how it met them, in order. */
async function expectMesh(members: Record<string, Child>, seeded: Seeded): Promise<Record<string, string>> {
  const ways = Object.entries(members).map(async ([name, member]) => {
    const way: string[] = []
    for (const other of Object.values(members).filter(each => each !== member)) {
      const { peerId, bitTorrentId } = await other.next('ready')
      const next = (event: string, fits: (report: Report) => boolean) =>
        member.next(event, report => of(seeded)(report) && fits(report))
      await next('our-wire', ({ remote }) => remote === bitTorrentId)
      await next('connect', ({ remotePeerId }) => remotePeerId === peerId)
      way.push((await next('peer', ({ peer }) => peer.peerId === peerId))['peer'].source)
    }
    return [name, way.join(' ')]
  })
  return Object.fromEntries(await Promise.all(ways))
}

describe.concurrent('a swarm whose tracker died', () => {
  it('admits a newcomer that knows one member, survives a killed member, and never exchanges a private torrent [X2]', async ({
    onTestFinished,
  }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url } = await processes.tracker()
    const plugin = { trackers: [url] }
    const clients = await Promise.all([1, 2, 3, 4, 5].map(() => processes.client({ plugin })))
    const [a, b, c, d, e] = clients as [Child, Child, Child, Child, Child] // there are five
    const seeded = (await a.ask('seed', { size: 300_000 })) as Seeded // returned by the fixture's `seed`
    const secret = (await a.ask('seed', { name: 'secret', private: true, announce: [url] })) as Seeded // see above
    for (const torrent of [seeded.magnet, secret.file]) await b.ask('add', { torrent })
    for (const each of [seeded, secret]) expect(await expectMesh({ a, b }, each)).toEqual({ a: 'tracker', b: 'tracker' })
    await tracker.kill()

    await c.ask('add', { torrent: secret.file })
    await join(c, a, seeded)
    expect(await expectMesh({ a, b, c }, seeded)).toEqual({
      a: 'tracker signaling',
      b: 'tracker exchange',
      c: 'signaling exchange',
    })
    await join(d, b, seeded)
    expect(await expectMesh({ a, b, c, d }, seeded)).toMatchObject({
      c: 'signaling exchange exchange',
      d: 'exchange signaling exchange',
    })

    await b.kill()
    await join(e, c, seeded)
    expect(await expectMesh({ a, c, d, e }, seeded)).toMatchObject({
      a: 'signaling exchange exchange',
      e: 'exchange signaling exchange',
    })
    const { peerId: killed, bitTorrentId: killedOnWires } = await b.next('ready')
    const left = [a, c, d, e]
    for (const child of left) {
      expect(child.all('connection-close').filter(({ remotePeerId }) => remotePeerId !== killed)).toEqual([])
      expect(child.all('wire-close').filter(({ remote }) => remote !== killedOnWires)).toEqual([])
      await child.ask('send', { message: await idOf(child) })
    }
    for (const child of left)
      for (const other of left.filter(each => each !== child)) {
        const id = await idOf(other)
        await child.next('data', ({ remotePeerId, data }) => remotePeerId === id && data === id)
      }
    expect(await e.ask('connections')).toHaveLength(3) // without the killed member

    // Both members of the private torrent are connected to the third all the time.
    expect(c.all('peer').filter(of(secret))).toEqual([])
    expect(a.all('peer').filter(of(secret))).toHaveLength(1)
    for (const child of left) expect(await child.end()).toMatchObject({ code: 0, signal: null })
    for (const child of left) expect(child.errors).toBe('')
  })
})

describe.concurrent('manual signalling', () => {
  it('reports a wrong signal, and leaves nothing behind [X2]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const plugin = { trackers: [] }
    const [host, guest] = await Promise.all([processes.client({ plugin }), processes.client({ plugin })])
    const seeded = (await host.ask('seed')) as Seeded // returned by the fixture's `seed`
    const secret = (await host.ask('seed', { name: 'secret', private: true })) as Seeded // see above
    for (const { file } of [seeded, secret]) await guest.ask('add', { torrent: file })
    const invite = () => host.ask('invite', seeded)
    const refuses = async (child: Child, signal: unknown, code: string, words: RegExp) =>
      await expect(child.ask('connect', { signal })).rejects.toMatchObject({ code, message: expect.stringMatching(words) })

    const invitation = (await invite()) as string // written by the fixture
    const fields = JSON.parse(invitation)
    for (const junk of [null, 7, '', 'junk', '{}', [], {}, invitation.slice(1), 'x'.repeat(1_000_000), { ...fields, from: 'me' }])
      await refuses(guest, junk, 'ERR_INVALID_ARGUMENT', /invitation|signal/)
    await refuses(guest, { ...fields, sdp: 'v=0' }, 'ERR_BAD_SDP', /./)
    await refuses(guest, { ...fields, infoHash: 'b'.repeat(40) }, 'ERR_INVALID_ARGUMENT', /no torrent of this client/)
    await refuses(guest, { ...fields, infoHash: secret.infoHash }, 'ERR_INVALID_ARGUMENT', /private/)
    await refuses(host, invitation, 'ERR_INVALID_ARGUMENT', /our own/)
    await expect(host.ask('invite', secret)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    await expect(host.ask('invite', { infoHash: 'b'.repeat(40) })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })

    // Handed over twice: one answer is made, and lost. The next invitation works like the first.
    const both = await Promise.allSettled([1, 2].map(() => guest.ask('connect', { signal: invitation })))
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(both[1]).toMatchObject({ reason: { code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(/already/) } })
    const answer = await guest.ask('connect', { signal: await invite() })
    await refuses(guest, answer, 'ERR_INVALID_ARGUMENT', /another invitation/)
    await host.ask('connect', { signal: answer })
    await refuses(host, answer, 'ERR_REFUSED', /connected|make a new one/)
    for (const side of [host, guest]) await side.next('connect', of(seeded))
    await refuses(guest, await invite(), 'ERR_REFUSED', /connected/)
    expect(await guest.next('done', of(seeded))).toMatchObject({ sha256: seeded.sha256 })

    // Unanswered invitations and an undelivered answer keep neither process alive.
    for (const side of [host, guest]) {
      expect(side.all('peer')).toHaveLength(1)
      expect(side.all('warning')).toEqual([])
      await side.ask('detach')
      await refuses(side, invitation, 'ERR_CLOSED', /destroyed/)
      expect(await side.end()).toMatchObject({ code: 0, signal: null })
      expect(side.errors).toBe('')
    }
  })
})
