import { describe, expect, it } from 'vitest'
import { SwarmlinkError } from '../../../src/core/errors.js'
import { explain } from '../../../src/doctor/explain.js'
import { CheckFailure, type Finding } from '../../../src/doctor/finding.js'
import { jsonOf, lineOf, summaryOf, works } from '../../../src/doctor/report.js'

const FINE: Finding = { check: 'node', verdict: 'works', says: '20.19.0' }
const DEAD: Finding = {
  check: 'tracker',
  server: 'ws://x.test/',
  verdict: 'fails',
  says: 'nothing listens there',
  advice: 'Check the port',
}
const SO_SO: Finding = { check: 'nat', verdict: 'limited', says: 'it is symmetric', facts: { mapping: 'per-destination' } }
const plain = { color: false }

describe('the report [X8]', () => {
  it('has one line per finding: a mark, the result, the advice', () => {
    expect(lineOf(FINE, plain)).toBe('✔ Node: 20.19.0.\n')
    expect(lineOf(DEAD, plain)).toBe('✘ Tracker ws://x.test/: nothing listens there. Check the port.\n')
    expect(lineOf(SO_SO, plain)).toBe('! NAT: it is symmetric.\n')
  })

  it('has coloured marks with `color`', () => {
    expect(lineOf(FINE, { color: true })).toBe('\u001B[32m✔\u001B[0m Node: 20.19.0.\n')
    expect(lineOf(DEAD, { color: true })).toContain('\u001B[31m✘\u001B[0m Tracker')
  })

  it('removes line breaks and escape sequences of a text from a server', () => {
    const line = lineOf({ ...DEAD, says: 'a\u001B[2J\r\nb\u009B1m' }, plain)
    expect(line).toBe('✘ Tracker ws://x.test/: a [2J b 1m. Check the port.\n')
  })

  it('ends with a summary', () => {
    expect(summaryOf([FINE])).toBe('\nEverything works.\n')
    expect(summaryOf([FINE, SO_SO])).toContain('lines with a !')
    expect(summaryOf([FINE, SO_SO, DEAD])).toBe('\n1 of 3 checks failed.\n')
    expect([[FINE], [FINE, SO_SO], [FINE, DEAD]].map(works)).toEqual([true, true, false])
  })

  it('has the same findings as JSON', () => {
    expect(JSON.parse(jsonOf([FINE, SO_SO]))).toEqual({ works: true, findings: [FINE, SO_SO] })
    expect(JSON.parse(jsonOf([DEAD]))).toEqual({ works: false, findings: [DEAD] })
  })
})

describe('explain [X8]', () => {
  const system = (code: string) => Object.assign(new Error(`connect ${code} 127.0.0.1:9`), { code })
  const link = (cause: unknown) => new SwarmlinkError('ERR_TRACKER_LINK', 'no link to the tracker', { cause })

  it.each<[unknown, RegExp]>([
    [link(system('ECONNREFUSED')), /^nothing listens there \(ECONNREFUSED\)$/],
    [link(system('ENOTFOUND')), /^its name cannot be resolved \(ENOTFOUND\)$/],
    [system('EAI_AGAIN'), /^its name cannot be resolved \(EAI_AGAIN\)$/],
    [system('ENETUNREACH'), /^the host is unreachable/],
    [system('EPERM'), /^this machine does not permit it/],
    [system('ETIMEDOUT'), /^timeout: no answer/],
    [system('ECONNRESET'), /^the connection was reset/],
    [system('CERT_HAS_EXPIRED'), /^TLS failed \(CERT_HAS_EXPIRED\)$/],
    [system('DEPTH_ZERO_SELF_SIGNED_CERT'), /^TLS failed \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/],
    [link(new Error('Unexpected server response: 404')), /no WebSocket there \(Unexpected server response: 404\)$/],
  ])('explains %s and gives advice', (error, says) => {
    expect(explain(error)).toEqual({
      verdict: 'fails',
      says: expect.stringMatching(says),
      advice: expect.stringMatching(/^[A-Z]/),
    })
  })

  it('keeps the text of an unknown error', () => {
    expect(explain(new CheckFailure('so', 'do'))).toEqual({ verdict: 'fails', says: 'so', advice: 'do' })
    expect(explain(new Error('odd'))).toEqual({ verdict: 'fails', says: 'odd' })
    expect(explain('odd')).toEqual({ verdict: 'fails', says: 'odd' })
    expect(explain(new Error(''))).toEqual({ verdict: 'fails', says: 'no reason given' })
  })

  it('ends for a circular cause', () => {
    const error = new Error('odd')
    error.cause = error
    expect(explain(error).says).toBe('odd')
  })
})
