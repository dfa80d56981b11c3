/** The length of an encoded message without encoding it: for a sender's budget, and for simulations that count every byte. */
import { utf8 } from '../../../core/bytes.js'
import { ID_BYTES } from '../../../core/id.js'
import { KEY_BYTES, SIGNATURE_BYTES } from './wire-format.js'
import type { MeshMessage } from './messages.js'

const TYPE = 1

function varint(value: number): number {
  let length = 1
  for (let left = value; left >= 0x80; left = Math.floor(left / 128)) length++
  return length
}

function ids(list: readonly unknown[]): number {
  return varint(list.length) + list.length * ID_BYTES
}

function numbers(list: readonly number[]): number {
  let length = varint(list.length)
  for (const number of list) length += varint(number)
  return length
}

function optionalId(id: unknown): number {
  return id === undefined ? 1 : 1 + ID_BYTES
}

export function messageSize(message: MeshMessage): number {
  return TYPE + bodySize(message)
}

function bodySize(message: MeshMessage): number {
  switch (message.type) {
    case 'gossip': {
      const { post } = message
      return 3 + varint(message.alias) + varint(post.sequence) + post.signature.length + post.payload.length
    }
    case 'announce':
      return numbers(message.ranges)
    case 'ping':
    case 'pong':
      return 7
    case 'beacon':
      return ID_BYTES + varint(message.number) + varint(message.size) + KEY_BYTES + SIGNATURE_BYTES + 1
    case 'beacon-count':
      return varint(message.number) + varint(message.count)
    case 'hello':
      return ID_BYTES + varint(message.island.beacon) + 7 + ids(message.neighbours)
    case 'neighbours':
      return ids(message.came) + ids(message.went)
    case 'bye':
      return 1
    case 'seek':
      return ID_BYTES + 7 + ids(message.trail)
    case 'found':
      return ID_BYTES + 1 + ids(message.trail)
    case 'knock': {
      const head = ID_BYTES + 3 + ID_BYTES + varint(message.island.beacon)
      return head + optionalId(message.target) + ids(message.route) + 1 + ids(message.trail)
    }
    case 'knock-answer':
      return 2 * ID_BYTES + ids(message.trail) + 2 + optionalId(message.splice)
    case 'splice':
      return ID_BYTES
    case 'open-feed': {
      const topic = utf8.encode(message.topic).length
      return varint(message.alias) + ID_BYTES + KEY_BYTES + 6 + varint(topic) + topic
    }
    case 'chunk':
      return varint(message.alias) + varint(message.sequence) + varint(message.index) + message.data.length
    case 'graft':
      return varint(message.yourAlias) + varint(message.sequence)
    case 'want':
      return varint(message.yourAlias) + varint(message.first) + varint(message.count) + varint(message.chunk)
    case 'prune':
      return varint(message.yourAlias)
    case 'branch':
    case 'cut-branch':
      return 0
    case 'vector':
      return 1 + numbers(message.entries)
    case 'taken':
      return varint(message.yourAlias) + varint(message.next) + varint(message.behind)
    case 'receipt':
      return varint(message.yourAlias) + varint(message.sequence) + varint(message.count)
  }
}
