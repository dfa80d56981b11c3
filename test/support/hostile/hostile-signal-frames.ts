/**
 * Frames that a hostile client may send to a signal server, and a hostile server to a driver. Each is of another kind, and the receiver
 * may only drop and count it. No frame is valid for both sides, so each list can be sent to either.
 */
import { MAX_MESSAGE } from '../../../src/signaling/drivers/message.js'
import { MAX_NAMESPACE_LENGTH, MAX_TOKENS } from '../../../src/signaling/drivers/namespace.js'
import { MAX_BATCH, MAX_FRAME } from '../../../src/signaling/drivers/websocket-codec.js'

/** Values as JSON text, so that they may hold what `JSON.stringify` would never write. */
type Raw = Record<string, string>

const json = JSON.stringify
const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
const deepObject = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

const ODD: Raw = {
  null: 'null',
  true: 'true',
  zero: '0',
  'an infinite number': '1e999',
  'a number of 20 digits': '12345678901234567890',
  'an object': '{}',
  'an object of length 1': '{"length":1,"0":"n"}',
  'an object with __proto__': '{"__proto__":["n"]}',
  'an object with toString': '{"toString":"x","toJSON":1}',
  'a deep array': deep(5_000),
  'a deep object': deepObject(5_000),
}

const NO_NAMESPACE: Raw = {
  ...ODD,
  'a text': '"n"',
  'an empty array': '[]',
  'an array of numbers': '[1]',
  'an array with a hole': '["n",null]',
  'an array in an array': '[["n"]]',
  'too many tokens': json(Array(MAX_TOKENS + 1).fill('n')),
  'ten thousand tokens': json(Array(10_000).fill('')),
  'a token that is too long': json(['x'.repeat(MAX_NAMESPACE_LENGTH + 1)]),
  'tokens that are too long together': json(['x'.repeat(MAX_NAMESPACE_LENGTH), 'x']),
}

const NO_MESSAGE: Raw = {
  ...ODD,
  'an array': '["x"]',
  'a text that is too long': json('x'.repeat(MAX_MESSAGE + 1)),
}

const NO_OBJECT: Raw = {
  ...ODD,
  nothing: '',
  'a space': ' ',
  'a text': '"subscribe"',
  'an array': '["subscribe"]',
  'half an object': '{"type":"ping"',
  'two objects': '{"type":"ping"}{"type":"ping"}',
  'a comment': '/* */{"type":"ping"}',
  'single quotes': "{'type':'ping'}",
  'a NUL': '\0',
  'a byte order mark': '\uFEFF{"type":"ping"}',
  'bytes as text': '\u0001\u0002\u00ff',
  'a giant object': `{"type":"ping","x":"${'x'.repeat(MAX_FRAME)}"}`,
  'a giant nothing': ' '.repeat(MAX_FRAME + 1),
}

const NO_TYPE: Raw = { ...ODD, 'an empty text': '""', 'another case': '"PING"', 'a method of objects': '"constructor"' }

interface HostileSignalFrame {
  name: string
  text: string
}

/** Frames that no client may send. */
export function hostileToServer(): HostileSignalFrame[] {
  return [
    ...common(),
    ...Object.entries(NO_NAMESPACE).map(([name, value]) =>
      frame(`emit to ${name}`, { type: '"emit"', namespace: value, message: '"1"' }),
    ),
    ...Object.entries(NO_MESSAGE).map(([name, value]) =>
      frame(`emit ${name}`, { type: '"emit"', namespace: '["n"]', message: value }),
    ),
    ...['subscribe', 'unsubscribe'].flatMap(type => [
      ...Object.entries(NO_NAMESPACE).map(([name, value]) =>
        frame(`${type} to ${name}`, { type: json(type), namespaces: `[["n"],${value}]` }),
      ),
      ...Object.entries(ODD).map(([name, value]) =>
        frame(`${type} with ${name} for a list`, { type: json(type), namespaces: value }),
      ),
      frame(`${type} without a list`, { type: json(type) }),
      frame(`${type} to nothing`, { type: json(type), namespaces: '[]' }),
      frame(`${type} to too many at once`, {
        type: json(type),
        namespaces: json(Array.from({ length: MAX_BATCH + 1 }, () => ['n'])),
      }),
    ]),
    ...['message', 'pong', 'refusal'].map(type =>
      frame(`a server's ${type}`, { type: json(type), namespace: '["n"]', message: '"1"', reason: '"too-fast"' }),
    ),
  ]
}

/** Frames that no server may send. */
export function hostileToDriver(): HostileSignalFrame[] {
  return [
    ...common(),
    ...Object.entries(NO_NAMESPACE).map(([name, value]) =>
      frame(`a message to ${name}`, { type: '"message"', namespace: value, message: '"1"' }),
    ),
    ...Object.entries(NO_MESSAGE).map(([name, value]) =>
      frame(`a message of ${name}`, { type: '"message"', namespace: '["n"]', message: value }),
    ),
    ...Object.entries(NO_TYPE).map(([name, value]) => frame(`a refusal for ${name}`, { type: '"refusal"', reason: value })),
    frame('a refusal for no reason', { type: '"refusal"' }),
    ...['', 'x', '{', '[1', "'x'", 'undefined', 'NaN'].map(text =>
      frame(`a message that is no JSON: ${text}`, { type: '"message"', namespace: '["n"]', message: json(text) }),
    ),
    ...['subscribe', 'unsubscribe', 'emit', 'ping'].map(type =>
      frame(`a client's ${type}`, { type: json(type), namespace: '["n"]', namespaces: '[["n"]]', message: '"1"' }),
    ),
  ]
}

function common(): HostileSignalFrame[] {
  return [
    ...Object.entries(NO_OBJECT).map(([name, text]) => ({ name: `${name} for a frame`, text })),
    ...Object.entries(NO_TYPE).map(([name, value]) => frame(`${name} for a type`, { type: value })),
    frame('no type', {}),
  ]
}

function frame(name: string, fields: Raw): HostileSignalFrame {
  const members = Object.entries(fields).map(([key, value]) => `${json(key)}:${value}`)
  return { name, text: `{${members.join()}}` }
}
