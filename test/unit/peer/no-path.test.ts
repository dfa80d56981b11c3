import { describe, expect, it } from 'vitest'
import { explainNoPath } from '../../../src/peer/no-path.js'

const host = (address: string, port: number) => `candidate:1 1 UDP 2114977791 ${address} ${port} typ host`
const srflx = (address: string, port: number) => `candidate:2 1 UDP 1678769919 ${address} ${port} typ srflx raddr 0.0.0.0 rport 0`
const relay = 'candidate:3 1 UDP 1048063 203.0.113.9 50000 typ relay raddr 0.0.0.0 rport 0'

const symmetric = (home: number) => [host(`10.0.${home}.2`, 4000), srflx(`198.51.100.${home}`, 31_000 + home)]
const preserving = (home: number) => [host(`10.0.${home}.2`, 4000), srflx(`198.51.100.${home}`, 4000)]

/** Whether the explanation recommends a TURN server. */
const needsTurn = (local: string, remote: string) => explainNoPath({ local, remote })?.includes('need a TURN server') === true

describe('explainNoPath()', () => {
  it.each([
    ['both NATs change ports', symmetric(1), symmetric(2)],
    ['only the NAT of this end changes ports', symmetric(1), preserving(2)],
    ['only the NAT of the remote changes ports', preserving(1), symmetric(2)],
    ['one mapping of several has another port', [...preserving(1), srflx('198.51.100.1', 9_999)], preserving(2)],
  ])('recommends a TURN server when %s [A10]', (_, local, remote) => {
    expect(needsTurn(local.join('\n'), remote.join('\n'))).toBe(true)
  })

  it.each([
    ['both NATs keep the port', preserving(1), preserving(2)],
    ['this end has a relay', [...symmetric(1), relay], symmetric(2)],
    ['the remote has a relay', symmetric(1), [...symmetric(2), relay]],
    ['both ends are behind one router', symmetric(1), [host('10.0.1.3', 4001), srflx('198.51.100.1', 32_000)]],
    ['the remote has an address of its own', symmetric(1), [host('198.51.100.2', 4000), srflx('198.51.100.2', 4000)]],
    ['no STUN server told this end its address', [host('10.0.1.2', 4000)], symmetric(2)],
    ['no STUN server told the remote its address', symmetric(1), [host('10.0.2.2', 4000)]],
    ['nothing is known of the remote', symmetric(1), []],
  ])('recommends no TURN server when %s [A10]', (_, local, remote) => {
    expect(needsTurn(local.join('\n'), remote.join('\n'))).toBe(false)
  })

  it('reads candidates of libwebrtc, with hidden host names and TCP among them [A10]', () => {
    const chromium = [
      'candidate:1 1 udp 2113937151 3f2a1b.local 4000 typ host generation 0 network-cost 999',
      'candidate:2 1 tcp 1518280447 3f2a1b.local 9 typ host tcptype active generation 0',
      'candidate:3 1 udp 1677729535 198.51.100.1 31001 typ srflx raddr 0.0.0.0 rport 0 generation 0',
    ]
    const description = (candidates: string[]) => `v=0\r\n${candidates.map(candidate => `a=${candidate}\r\n`).join('')}`
    expect(needsTurn(description(chromium), description(symmetric(2)))).toBe(true)
    const keepsPort = [...chromium.slice(0, 2), srflx('198.51.100.1', 4000)]
    expect(needsTurn(description(keepsPort), description(preserving(2)))).toBe(false)
  })
})
