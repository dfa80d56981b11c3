/** Stores credentials in a file (Node): readable by its owner only, written atomically, never overwritten. */
import { constants, fsync } from 'node:fs'
import { type FileHandle, link, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { checkText } from '../core/arguments.js'
import { logger } from '../core/log.js'
import { CredentialsError, parseCredentials } from './credentials.js'
import { currentUser, type Exposure, fileExposure, foldersExposure, isChecked } from './file-access.js'
import type { Credentials, CredentialStore } from './identity.js'
import { deserialize, keepOnly, MAX_STORED_LENGTH, serialize } from './credentials-text.js'

const log = logger('credentials')

const OWNER_ONLY = 0o600
/** Errors of systems and file systems without `fsync`. Any other error, such as EIO or ENOSPC, means that the content is lost. */
const NO_SYNC = new Set(['ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'])

/**
 * Stores the identity in a file, so that a process is the same peer after a restart. Processes that share the file are one peer
 * with several sessions; if several start without a file at once, all use the identity of the first.
 *
 * A file is refused, and not changed, if other users can read or replace it (another user owns it, or a folder above it is writable for
 * others and not sticky; not checked on Windows), if it is damaged, or if its secret belongs to another peer id.
 *
 * @example
 * new ConnectionManager(client, { credentials: fileCredentials('peer.json') })
 */
export function fileCredentials(path: string): CredentialStore {
  checkText('the path of the credentials file', path)
  const where = `the credentials file ${path}`
  const load = async (): Promise<Credentials | undefined> => {
    const text = await read(path, where)
    return text === undefined ? undefined : deserialize(text, where)
  }
  return {
    load,
    async save(credentials) {
      const text = serialize(parseCredentials(credentials))
      if (isChecked()) refuse(where, await foldersExposure(path, currentUser()))
      if (await create(path, where, text)) return
      const there = await load()
      if (there === undefined)
        throw new CredentialsError('unwritable', `${where} is a broken symbolic link, or another process removes it`)
      keepOnly(there, credentials, where)
    },
  }
}

async function read(path: string, where: string): Promise<string | undefined> {
  let file: FileHandle | undefined
  try {
    // Non-blocking (Windows lacks the flag), because opening a pipe would wait for its writer.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const status = await file.stat()
    if (!status.isFile()) throw new CredentialsError('unreadable', `${where} is not a file`)
    const user = currentUser()
    if (isChecked()) refuse(where, fileExposure(path, status, user) ?? (await foldersExposure(path, user)))
    const bytes = new Uint8Array(MAX_STORED_LENGTH + 1)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    return new TextDecoder().decode(bytes.subarray(0, bytesRead))
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined
    if (cause instanceof CredentialsError) throw cause
    throw new CredentialsError('unreadable', `${where} could not be read (${errnoOf(cause)}): check who owns it`, { cause })
  } finally {
    await file?.close()
  }
}

/** Returns false if the file exists. Uses a hard link, because only that is both atomic and exclusive: a rename overwrites. */
async function create(path: string, where: string, text: string): Promise<boolean> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`
  try {
    const file = await open(temporary, 'wx', OWNER_ONLY)
    try {
      await file.writeFile(text)
      await syncContent(file, path)
    } finally {
      await file.close()
    }
    await link(temporary, path)
    await syncFolder(path)
    return true
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') return false
    const advice =
      errnoOf(cause) === 'ENOENT'
        ? `the folder ${dirname(path)} does not exist, create it first`
        : 'check the folder and who owns it'
    throw new CredentialsError('unwritable', `${where} could not be written (${errnoOf(cause)}): ${advice}`, { cause })
  } finally {
    await unlink(temporary).catch(() => {}) // it may not exist
  }
}

/** Flushes the content. By the descriptor: `sync` and `datasync` of the `FileHandle` of Yarn PnP (4.18) throw "Method not implemented." */
async function syncContent(file: FileHandle, path: string): Promise<void> {
  try {
    await promisify(fsync)(file.fd)
  } catch (error) {
    const reason = errnoOf(error)
    const isLost = /^E[A-Z]+$/.test(reason) && !NO_SYNC.has(reason) // any other code: a platform without `fsync`
    if (isLost) throw error
    log('%s was written but cannot be synced (%s): a power cut may lose it', path, reason)
  }
}

/** Makes the new name survive a power cut. Some file systems cannot; the content itself was synced. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(dirname(path), 'r')
    try {
      await promisify(fsync)(folder.fd)
    } finally {
      await folder.close()
    }
  } catch {
    // This file system cannot sync a folder.
  }
}

function refuse(where: string, exposure: Exposure): void {
  if (exposure !== undefined) throw new CredentialsError('exposed', `${where} ${exposure}`)
}

function errnoOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException | undefined)?.code ?? error) // only system errors have a code
}
