/** Encodes messages of the mesh: see `wire-format.ts`. Synchronous; the caller keeps to the bounds. */
import type { Id } from '../../../core/id.js'
import { ByteWriter } from './byte-writer.js'
import type { Gossip, Knock, KnockAnswer, MeshMessage } from './messages.js'
import { BYES, CAUGHT_UP, CODES, CONFIRM, LARGE, OWN_TREE, PURPOSES, REDUNDANCIES, ROLES, WAYS } from './wire-format.js'

export function encodeMessage(message: MeshMessage): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter()
  out.u8(CODES[message.type])
  writeBody(out, message)
  return out.take()
}

function writeBody(out: ByteWriter, message: MeshMessage): void {
  switch (message.type) {
    case 'hello':
      out.id(message.island.root)
      out.varint(message.island.beacon)
      out.u8(message.depth | (message.caughtUp ? CAUGHT_UP : 0))
      out.u8(message.maxPeers)
      out.u8(ROLES.indexOf(message.role))
      out.fixed(message.digest, 4)
      return out.ids(message.neighbours)
    case 'neighbours':
      out.ids(message.came)
      return out.ids(message.went)
    case 'ping':
    case 'pong':
      out.fixed(message.digest, 4)
      out.fixed(message.beacon, 2)
      return out.u8(message.depth | (message.caughtUp ? CAUGHT_UP : 0))
    case 'bye':
      return out.u8(BYES.indexOf(message.reason))
    case 'seek':
      out.id(message.origin)
      out.fixed(message.position, 6)
      out.u8(ROLES.indexOf(message.purpose))
      return out.ids(message.trail)
    case 'found':
      out.id(message.origin)
      out.u8(ROLES.indexOf(message.purpose))
      return out.ids(message.trail)
    case 'knock':
      return writeKnock(out, message)
    case 'knock-answer':
      return writeKnockAnswer(out, message)
    case 'splice':
      return out.id(message.newcomer)
    case 'open-feed':
      out.varint(message.alias)
      out.id(message.sender)
      out.bytes(message.key)
      out.fixed(message.epoch, 6)
      return out.text(message.topic)
    case 'gossip':
      return writeGossip(out, message)
    case 'chunk':
      out.varint(message.alias)
      out.varint(message.sequence)
      out.varint(message.index)
      return out.bytes(message.data)
    case 'announce':
      return out.list(message.ranges, number => out.varint(number))
    case 'graft':
      out.varint(message.yourAlias)
      return out.varint(message.sequence)
    case 'want':
      out.varint(message.yourAlias)
      out.varint(message.first)
      out.varint(message.count)
      return out.varint(message.chunk)
    case 'prune':
      return out.varint(message.yourAlias)
    case 'branch':
    case 'cut-branch':
      return
    case 'vector':
      out.u8(message.reply ? 1 : 0)
      return out.list(message.entries, number => out.varint(number))
    case 'beacon':
      out.id(message.root)
      out.varint(message.number)
      out.varint(message.size)
      out.bytes(message.key)
      out.bytes(message.signature)
      return out.u8(message.depth)
    case 'beacon-count':
      out.varint(message.number)
      return out.varint(message.count)
    case 'receipt':
      out.varint(message.yourAlias)
      out.varint(message.sequence)
      return out.varint(message.count)
    case 'taken':
      out.varint(message.yourAlias)
      out.varint(message.next)
      return out.varint(message.behind)
  }
}

function writeOptionalId(out: ByteWriter, id: Id | undefined): void {
  out.ids(id === undefined ? [] : [id])
}

function writeKnock(out: ByteWriter, message: Knock): void {
  out.id(message.origin)
  out.u8(PURPOSES.indexOf(message.purpose))
  out.u8(message.edges)
  out.u8(message.room)
  out.id(message.island.root)
  out.varint(message.island.beacon)
  writeOptionalId(out, message.target)
  out.ids(message.route)
  out.u8(message.steps)
  out.ids(message.trail)
}

function writeKnockAnswer(out: ByteWriter, message: KnockAnswer): void {
  out.id(message.origin)
  out.id(message.target)
  out.ids(message.trail)
  out.u8(message.accepted ? 1 : 0)
  out.u8(PURPOSES.indexOf(message.purpose))
  writeOptionalId(out, message.splice)
}

function writeGossip(out: ByteWriter, { alias, hops, way, post }: Gossip): void {
  const flags = (post.large ? LARGE : 0) | (post.confirm ? CONFIRM : 0) | (post.ownTree ? OWN_TREE : 0)
  out.u8(WAYS.indexOf(way) | (REDUNDANCIES.indexOf(post.redundancy) << 2) | flags)
  out.varint(alias)
  out.varint(post.sequence)
  out.u8(hops)
  out.u8(post.signature.length)
  out.bytes(post.signature)
  out.bytes(post.payload)
}
