import { describe, expect, it } from 'vitest'
import { HELP, readCommand } from '../../../src/doctor/command-line.js'

const PUBLIC = ['wss://one.test', 'wss://two.test']
const read = (...args: string[]) => readCommand(args, PUBLIC)

describe('the command line [X8]', () => {
  it.each<[string[], object]>([
    [[], { name: 'help' }],
    [['--help'], { name: 'help' }],
    [['doctor', '-h'], { name: 'help' }],
    [['--version'], { name: 'version' }],
    [['nurse'], { name: 'unknown', given: 'nurse' }],
  ])('parses %j', (args, command) => {
    expect(read(...args)).toEqual(command)
  })

  it('takes the public servers by default, of which one of each kind must work', () => {
    const command = read('doctor')
    if (command.name !== 'doctor') throw new Error('it is another command')
    const { servers, ...rest } = command
    expect(rest).toEqual({ name: 'doctor', timeout: 5_000, json: false })
    expect(servers.trackers).toEqual(['wss://one.test/', 'wss://two.test/'])
    expect(servers.stun.length).toBeGreaterThan(1)
    for (const { host, port } of servers.stun) expect(`${host}:${port}`).toMatch(/^stun.+:\d+$/)
    expect(servers.turn).toEqual([])
    expect(servers.anyOf).toEqual(new Set(['tracker', 'stun']))
  })

  it('takes each named server once, and all of them must work', () => {
    const stun = ['--stun', 'stun:a.test', '--stun', 'STUN:[::1]:99', '--stun', 'stun:a.test']
    const turn = ['--turn', 'turn:t.test:1', '--turn', 'turns:t.test?transport=tcp', '--username', 'u', '--credential', 'c']
    const tracker = ['--tracker', 'ws://x.test', '--tracker', 'ws://X.test/']
    expect(read('doctor', ...stun, ...turn, ...tracker, '--timeout', '70', '--json')).toEqual({
      name: 'doctor',
      timeout: 70,
      json: true,
      servers: {
        trackers: ['ws://x.test/'],
        stun: [
          { url: 'stun:a.test', host: 'a.test', port: 3478 },
          { url: 'STUN:[::1]:99', host: '::1', port: 99 },
        ],
        turn: [
          { url: 'turn:t.test:1', username: 'u', credential: 'c' },
          { url: 'turns:t.test?transport=tcp', username: 'u', credential: 'c' },
        ],
        anyOf: new Set(),
      },
    })
  })

  it('takes no tracker and no STUN server with --no-…, and keeps the other named servers [X8]', () => {
    expect(read('doctor', '--no-stun', '--no-trackers')).toMatchObject({
      servers: { trackers: [], stun: [], turn: [], anyOf: new Set() },
    })
    expect(read('doctor', '--no-stun', '--tracker', 'ws://10.0.0.1:8000')).toMatchObject({
      servers: { trackers: ['ws://10.0.0.1:8000/'], stun: [] },
    })
    expect(read('doctor', '--no-trackers', '--stun', 'stun:10.0.0.1')).toMatchObject({
      servers: { trackers: [], stun: [{ host: '10.0.0.1' }] },
    })
  })

  it.each<[string[], RegExp]>([
    [['doctor', '--no-stun', '--stun', 'stun:x.test'], /^--stun and --no-stun contradict each other: leave one of them out$/],
    [['doctor', '--no-trackers', '--tracker', 'ws://x.test'], /^--tracker and --no-trackers contradict each other: /],
    [['doctor', '--tracker', 'http://me:secret@x.test'], /^got "http:\/\/x\.test#\w{8}": a tracker must be a ws: or wss: URL$/],
    [['--json'], /command is missing/],
    [['doctor', '--fast'], /Unknown option '--fast'$/],
    [['doctor', 'now'], /one argument too many: "now"/],
    [['doctor', '--tracker'], /--tracker/],
    [['doctor', '--tracker', 'http://x.test'], /ws: or wss: URL/],
    [['doctor', '--stun', 'x.test'], /got "x.test": --stun must be stun:host or stun:host:port/],
    [['doctor', '--stun', 'stun:x.test:0'], /--stun/],
    [['doctor', '--stun', 'stun:x.test:65536'], /--stun/],
    [['doctor', '--stun', 'stun:a b'], /--stun/],
    [
      ['doctor', '--turn', 'x.test', '--username', 'u', '--credential', 'c'],
      /got "x.test": --turn must be turn:host:port or turns:host:port/,
    ],
    [['doctor', '--turn', 'stun:x.test', '--username', 'u', '--credential', 'c'], /--turn/],
    [
      ['doctor', '--turn', 'turn:me:secret@x.test', '--username', 'u', '--credential', 'c'],
      /^got "turn:x\.test#\w{8}": --turn must be turn:host:port/,
    ],
    [['doctor', 'wss://me:secret@x.test'], /^one argument too many: "wss:\/\/x\.test#\w{8}"$/],
    [['doctor', '--wss://me:secret@x.test'], /^Unknown option '--wss:\/\/x\.test#\w{8}'$/],
    [['doctor', '--turn', 'turn:x.test'], /belong together/],
    [['doctor', '--turn', 'turn:x.test', '--username', 'u'], /belong together/],
    [['doctor', '--credential', 'c'], /belong together/],
    [['doctor', '--timeout', 'soon'], /got "soon": --timeout must be a number of milliseconds from 1 to 600000/],
    [['doctor', '--timeout', '0'], /--timeout/],
    [['doctor', '--timeout', '600001'], /--timeout/],
    [['doctor', '--timeout', '1e3'], /--timeout/],
  ])('refuses %j with a message', (args, message) => {
    expect(() => read(...args)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    )
  })

  it('lists each option in the help, in lines of at most 120 characters', () => {
    for (const name of [
      'tracker',
      'no-trackers',
      'stun',
      'no-stun',
      'turn',
      'username',
      'credential',
      'timeout',
      'json',
      'help',
      'version',
    ])
      expect(HELP).toContain(`\n  --${name} `)
    for (const line of HELP.split('\n')) expect(line.length).toBeLessThanOrEqual(120)
  })
})
