/**
 * Frames that a hostile tracker, or a hostile member through an honest one, may send. Each is of another kind, and a client may only drop
 * and count it. Built systematically: every field with every wrong type, size and encoding.
 */
import { hexToBinary } from '../../../src/core/bytes.js'
import { hostileDescriptions } from './hostile-sdp.js'
import { answerSdp, offerSdp } from '../sdp-samples.js'

export interface HostileFrame {
  name: string
  text: string
}

/** Fields as JSON text, so that they may hold what `JSON.stringify` would never write. */
type Raw = Record<string, string>

const json = JSON.stringify
const twenty = 'abcdefghijklmnopqrst'
const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
const deepObject = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

/** Values that are not an id of 20 latin-1 characters. */
const NO_ID: Raw = {
  true: 'true',
  false: 'false',
  zero: '0',
  'minus one': '-1',
  'a fraction': '1.5',
  'an infinite number': '1e999',
  'a number of 20 digits': '12345678901234567890',
  'an empty string': '""',
  '19 characters': json(twenty.slice(1)),
  '21 characters': json(`${twenty}u`),
  '40 hex characters': json('0123456789abcdef0123456789abcdef01234567'),
  '20 characters, one beyond latin-1': json(`${twenty.slice(1)}\u0100`),
  '20 Greek letters': json('\u03b1'.repeat(20)),
  '10 emoji': json('\u{1F600}'.repeat(10)),
  '20 lone surrogates': `"${'\\ud800'.repeat(20)}"`,
  'a giant string': json('x'.repeat(60_000)),
  'an empty array': '[]',
  'an array of an id': json([twenty]),
  'an array of 20 bytes': json(Array.from({ length: 20 }, (_, i) => i)),
  'an empty object': '{}',
  'an object of length 20': '{"length":20}',
  'an object with toString': '{"toString":"x","valueOf":1}',
  'an object with __proto__': '{"__proto__":{"length":20}}',
  'a deep array': deep(5_000),
  'a deep object': deepObject(5_000),
}

const NO_NUMBER: Raw = {
  true: 'true',
  false: 'false',
  'an empty string': '""',
  'a number in a string': '"120"',
  'NaN in a string': '"NaN"',
  'an infinite number': '1e999',
  'minus infinity': '-1e999',
  'an empty array': '[]',
  'an array of a number': '[120]',
  'an object': '{"valueOf":120}',
  'a deep array': deep(5_000),
}

const NO_TEXT: Raw = {
  true: 'true',
  false: 'false',
  zero: '0',
  'a number': '42',
  'an infinite number': '1e999',
  'an array': '["no"]',
  'an object': '{"message":"no"}',
  'an object with toString': '{"toString":null}',
  'a deep array': deep(5_000),
  'a deep object': deepObject(5_000),
}

const NO_OBJECT: Raw = {
  true: 'true',
  false: 'false',
  zero: '0',
  'a number': '42',
  'an empty string': '""',
  'the description as a string': json(offerSdp),
  'an empty array': '[]',
  'an array of a description': json([{ type: 'offer', sdp: offerSdp }]),
  'an empty object': '{}',
  'a deep array': deep(5_000),
  'a deep object': deepObject(5_000),
}

/** Frames for a client that is subscribed to `topic` (in hex) and requested nothing else. */
export function hostileFrames(topic: string): HostileFrame[] {
  const infoHash = json(hexToBinary(topic))
  const frames: HostileFrame[] = []
  const add = (name: string, text: string) => frames.push({ name, text })
  const addEach = (name: string, base: Raw, field: string, values: Raw) => {
    for (const [kind, value] of Object.entries(values)) add(`${name}: ${field} is ${kind}`, object({ ...base, [field]: value }))
  }

  for (const [name, text] of Object.entries(noFrames())) add(name, text)

  const counts: Raw = { action: '"announce"', info_hash: infoHash, complete: '1', incomplete: '2', interval: '120' }
  addEach('a frame', counts, 'action', { ...NO_TEXT, ...UNKNOWN_ACTIONS, null: 'null' })
  addEach('counts', counts, 'info_hash', { ...NO_ID, null: 'null' })
  for (const field of ['complete', 'incomplete', 'interval', 'min interval']) addEach('counts', counts, field, NO_NUMBER)
  addEach('counts', counts, 'warning message', NO_TEXT)
  addEach('counts', counts, 'tracker id', {
    ...NO_TEXT,
    'of 129 characters': json('x'.repeat(129)),
    giant: json('x'.repeat(60_000)),
  })
  add('counts of an unknown topic', object({ ...counts, info_hash: json(twenty) }))
  add('counts of a topic named __proto__', object({ ...counts, info_hash: json('__proto__'.padEnd(20)) }))
  add('counts of a topic named constructor', object({ ...counts, info_hash: json('constructor'.padEnd(20, '\0')) }))

  const failure: Raw = { action: '"announce"', info_hash: infoHash, 'failure reason': '"no"' }
  addEach('a failure', failure, 'failure reason', NO_TEXT)
  addEach('a failure without a topic', {}, 'failure reason', NO_TEXT)
  addEach('a failure', failure, 'info_hash', NO_ID)
  addEach('a failure', failure, 'action', UNKNOWN_ACTIONS)
  add('a failure of an unknown topic', object({ ...failure, info_hash: json(twenty) }))

  for (const type of ['offer', 'answer'] as const) {
    const sdp = type === 'offer' ? offerSdp : answerSdp
    const other = type === 'offer' ? 'answer' : 'offer'
    const base: Raw = {
      action: '"announce"',
      info_hash: infoHash,
      peer_id: json('-XX0000-000000000001'),
      offer_id: json(twenty),
      [type]: json({ type, sdp }),
    }
    const name = `an ${type}`
    for (const field of ['info_hash', 'peer_id', 'offer_id']) addEach(name, base, field, { ...NO_ID, null: 'null' })
    addEach(name, base, type, NO_OBJECT)
    add(`${name} without a peer_id`, object(without(base, 'peer_id')))
    add(`${name} without an offer_id`, object(without(base, 'offer_id')))
    add(`${name} with the other field`, object({ ...base, [other]: json({ type: other, sdp }) }))
    add(`${name} of an unknown topic`, object({ ...base, info_hash: json(twenty) }))
    for (const [kind, value] of Object.entries({
      ...NO_TEXT,
      null: 'null',
      'the other one': json(other),
      rollback: '"rollback"',
      'upper-case': json(type.toUpperCase()),
    }))
      add(`${name}: type is ${kind}`, object({ ...base, [type]: object({ type: value, sdp: json(sdp) }) }))
    for (const [kind, value] of Object.entries({ ...NO_TEXT, null: 'null' }))
      add(`${name}: sdp is ${kind}`, object({ ...base, [type]: object({ type: json(type), sdp: value }) }))
    add(`${name} without a type`, object({ ...base, [type]: json({ sdp }) }))
    add(`${name} without an sdp`, object({ ...base, [type]: json({ type }) }))
    add(`${name} in a prototype`, object({ ...base, [type]: `{"__proto__":${json({ type, sdp })}}` }))
    for (const hostile of hostileDescriptions(sdp))
      add(`${name}: sdp has ${hostile.name}`, object({ ...base, [type]: json({ type, sdp: hostile.sdp }) }))
  }

  for (const [kind, files] of Object.entries({
    ...NO_OBJECT,
    null: 'null',
    'of prototype names': '{"__proto__":{"complete":1},"constructor":{}}',
  }))
    add(`an unrequested scrape: files is ${kind}`, object({ action: '"scrape"', files }))
  return frames
}

const UNKNOWN_ACTIONS: Raw = {
  'an empty string': '""',
  'upper-case': '"ANNOUNCE"',
  unknown: '"explode"',
  __proto__: '"__proto__"',
  constructor: '"constructor"',
  toString: '"toString"',
  giant: json('announce'.repeat(5_000)),
}

/** Texts that are not a JSON object, or one that is too large. */
function noFrames(): Raw {
  return {
    'an empty text': '',
    'white space': ' \r\n\t ',
    'plain words': 'hello',
    'a web page': '<html><body>502 Bad Gateway</body></html>',
    'a zero byte': '\0',
    'control characters': '\u0001\u0002\u001b[2J',
    'a byte order mark before an object': '\uFEFF{}',
    'a lone surrogate': '\uD800',
    null: 'null',
    true: 'true',
    false: 'false',
    'a number': '42',
    'an infinite number': '1e999',
    'a string': '"announce"',
    'a string of JSON': json('{"action":"announce"}'),
    'an array': '[]',
    'an array of an object': '[{"action":"announce"}]',
    NaN: 'NaN',
    undefined: 'undefined',
    'an object cut off': '{"action":"announce","info_hash":"abc',
    'an object with a comma too many': '{"action":"announce",}',
    'an object in single quotes': "{'action':'announce'}",
    'an object with a comment': '{/* */"action":"announce"}',
    'two objects': '{"action":"announce"}{"action":"announce"}',
    'an object and a rest': '{"action":"announce"} x',
    'a bad escape': '{"action":"\\x41"}',
    'a raw line break in a string': '{"action":"ann\nounce"}',
    'an empty object': '{}',
    'an object without an action': '{"interval":120}',
    'an object that sets its prototype': '{"__proto__":{"action":"announce"}}',
    'bencoding instead': 'd8:intervali120e5:peers0:e',
    'a text of 65 537 characters': `{"action":"announce","x":"${'x'.repeat(65_510)}"}`,
    'a text of a megabyte': `{"action":"announce","x":"${'x'.repeat(1_000_000)}"}`,
    'an array of 30 000 levels': deep(30_000),
    'an array of 100 000 levels': deep(100_000),
    'an array that never closes': '['.repeat(60_000),
    'an object of 10 000 levels': deepObject(10_000),
    'an object of 100 000 levels': deepObject(100_000),
    'a number of 60 000 digits': '9'.repeat(60_000),
    'an object of 5 000 keys': `{${Array.from({ length: 5_000 }, (_, i) => `"k${i}":1`).join()}}`,
  }
}

function object(fields: Raw): string {
  return `{${Object.entries(fields)
    .map(([key, value]) => `${json(key)}:${value}`)
    .join()}}`
}

function without(fields: Raw, name: string): Raw {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name))
}
