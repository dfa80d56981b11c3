import { describe, expect, it } from 'vitest'
import { SwarmlinkError } from '../../../src/core/errors.js'
import { explain } from '../../../src/doctor/explain.js'
import { Trouble, type Finding } from '../../../src/doctor/finding.js'
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

describe('X8 the report', () => {
  it('is a line for each finding: a mark, what it means, what to do', () => {
    expect(lineOf(FINE, plain)).toBe('✔ Node: 20.19.0.\n')
    expect(lineOf(DEAD, plain)).toBe('✘ Tracker ws://x.test/: nothing listens there. Check the port.\n')
    expect(lineOf(SO_SO, plain)).toBe('! NAT: it is symmetric.\n')
  })

  it('has coloured marks where they are wanted', () => {
    expect(lineOf(FINE, { color: true })).toBe('\u001B[32m✔\u001B[0m Node: 20.19.0.\n')
    expect(lineOf(DEAD, { color: true })).toContain('\u001B[31m✘\u001B[0m Tracker')
  })

  it('is one line whatever a server says, and steers no terminal', () => {
    const line = lineOf({ ...DEAD, says: 'a\u001B[2J\r\nb\u009B1m' }, plain)
    expect(line).toBe('✘ Tracker ws://x.test/: a [2J b 1m. Check the port.\n')
  })

  it('ends with a sum', () => {
    expect(summaryOf([FINE])).toBe('\nEverything works.\n')
    expect(summaryOf([FINE, SO_SO])).toContain('lines with a !')
    expect(summaryOf([FINE, SO_SO, DEAD])).toBe('\n1 of 3 checks failed.\n')
    expect([[FINE], [FINE, SO_SO], [FINE, DEAD]].map(works)).toEqual([true, true, false])
  })

  it('is the same as JSON', () => {
    expect(JSON.parse(jsonOf([FINE, SO_SO]))).toEqual({ works: true, findings: [FINE, SO_SO] })
    expect(JSON.parse(jsonOf([DEAD]))).toEqual({ works: false, findings: [DEAD] })
  })
})

describe('X8 what went wrong', () => {
  const system = (code: string) => Object.assign(new Error(`connect ${code} 127.0.0.1:9`), { code })
  const link = (cause: unknown) => new SwarmlinkError('ERR_TRACKER_LINK', 'no link to the tracker', { cause })

  it.each<[unknown, RegExp]>([
    [link(system('ECONNREFUSED')), /^nothing listens there \(ECONNREFUSED\)$/],
    [link(system('ENOTFOUND')), /^its name cannot be resolved \(ENOTFOUND\)$/],
    [system('EAI_AGAIN'), /^its name cannot be resolved \(EAI_AGAIN\)$/],
    [system('ENETUNREACH'), /^no way leads there/],
    [system('EPERM'), /^this machine forbids it/],
    [system('ETIMEDOUT'), /^nobody answers there/],
    [system('ECONNRESET'), /^the connection is cut/],
    [system('CERT_HAS_EXPIRED'), /^its TLS is not accepted \(CERT_HAS_EXPIRED\)$/],
    [system('DEPTH_ZERO_SELF_SIGNED_CERT'), /^its TLS is not accepted \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/],
    [link(new Error('Unexpected server response: 404')), /no WebSocket there \(Unexpected server response: 404\)$/],
  ])('%s is said in words, with something to do', (error, says) => {
    expect(explain(error)).toEqual({
      verdict: 'fails',
      says: expect.stringMatching(says),
      advice: expect.stringMatching(/^[A-Z]/),
    })
  })

  it('is said as it was thrown when nobody knows better', () => {
    expect(explain(new Trouble('so', 'do'))).toEqual({ verdict: 'fails', says: 'so', advice: 'do' })
    expect(explain(new Error('odd'))).toEqual({ verdict: 'fails', says: 'odd' })
    expect(explain('odd')).toEqual({ verdict: 'fails', says: 'odd' })
    expect(explain(new Error(''))).toEqual({ verdict: 'fails', says: 'no reason given' })
  })

  it('does not go round in circles', () => {
    const error = new Error('odd')
    error.cause = error
    expect(explain(error).says).toBe('odd')
  })
})
