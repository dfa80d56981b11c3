import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemEnv } from '../../../src/core/env.js'
import { fileCredentials } from '../../../src/identity/file-store.js'
import type { Credentials } from '../../../src/identity/identity.js'
import { createIdentity } from '../../../src/identity/key-pair.js'
import { resolveCredentials } from '../../../src/identity/resolve-credentials.js'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swarmlink-'))
  path = join(folder, 'peer.json')
})
afterEach(() => rm(folder, { recursive: true }))

async function fresh(): Promise<Credentials> {
  const { key } = await createIdentity({ env: systemEnv })
  if (key === undefined) throw new Error('no key')
  return key.credentials
}

async function put(text: string, mode = 0o600): Promise<void> {
  await writeFile(path, text)
  await chmod(path, mode)
}

describe('D7 credentials: a file', () => {
  it('needs a path, and says so at once', () => {
    for (const [bad, what] of [
      [undefined, 'undefined'],
      ['', '""'],
      [5, '5'],
      [{ path }, 'an object'],
    ] as const) {
      expect(() => fileCredentials(bad as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
      expect(() => fileCredentials(bad as never)).toThrow(
        `got ${what}: the path of the credentials file must be a text that is not empty`,
      )
    }
  })

  it('that is missing holds none', async () => {
    expect(await fileCredentials(path).load()).toBeUndefined()
  })

  it('gives back what was saved, is readable by its owner alone, and comes alone', async () => {
    const credentials = await fresh()
    await fileCredentials(path).save(credentials)
    expect(await fileCredentials(path).load()).toEqual(credentials)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['peer.json'])
  })

  it('is never overwritten by another identity, and takes the same one again', async () => {
    const store = fileCredentials(path)
    const credentials = await fresh()
    await store.save(credentials)
    await store.save(credentials)
    await expect(store.save(await fresh())).rejects.toMatchObject({ code: 'ERR_CREDENTIALS', reason: 'taken' })
    expect(await store.load()).toEqual(credentials)
    expect(await readdir(folder)).toEqual(['peer.json'])
  })

  it('that others can read is refused with the cure', async () => {
    for (const mode of [0o640, 0o604, 0o620, 0o601, 0o666]) {
      await put(JSON.stringify(await fresh()), mode)
      const error = await fileCredentials(path)
        .load()
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'ERR_CREDENTIALS', reason: 'exposed' })
      expect(String(error)).toContain(`chmod 600 ${path}`)
    }
  })

  it('that is damaged and one with the wrong key are told apart, and left as they are', async () => {
    const [one, other] = await Promise.all([fresh(), fresh()])
    const found = [
      ['', 'damaged'],
      ['{"peerId":', 'damaged'],
      ['[]', 'damaged'],
      [JSON.stringify({ peerId: one.peerId }), 'damaged'],
      [`${' '.repeat(5000)}${JSON.stringify(one)}`, 'damaged'],
      [JSON.stringify({ peerId: one.peerId, secret: other.secret }), 'wrong-key'],
    ] as const
    for (const [text, reason] of found) {
      await put(text)
      const error = await fileCredentials(path)
        .load()
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'ERR_CREDENTIALS', reason })
      expect(String(error)).toContain(path)
      expect(String(error)).not.toContain(one.secret)
      await expect(fileCredentials(path).save(one)).rejects.toMatchObject({ reason })
      await expect(resolveCredentials(fileCredentials(path), systemEnv)).rejects.toMatchObject({ reason })
      expect(await readFile(path, 'utf8')).toBe(text)
    }
  })

  it('in a folder that is missing is refused with the cure', async () => {
    const lost = join(folder, 'nowhere', 'peer.json')
    const error = await resolveCredentials(fileCredentials(lost), systemEnv).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'ERR_CREDENTIALS', reason: 'unwritable', cause: { code: 'ENOENT' } })
    expect(String(error)).toContain(`the folder ${join(folder, 'nowhere')} does not exist`)
  })

  it('that is a folder, or below a file, is refused', async () => {
    await mkdir(path)
    await expect(fileCredentials(path).load()).rejects.toMatchObject({ reason: 'unreadable' })
    await writeFile(join(folder, 'plain'), '')
    await expect(fileCredentials(join(folder, 'plain', 'x')).load()).rejects.toMatchObject({ reason: 'unreadable' })
  })

  it('may be reached by a link, but not by one that leads nowhere', async () => {
    const credentials = await fresh()
    await fileCredentials(path).save(credentials)
    await symlink(path, join(folder, 'link.json'))
    expect(await fileCredentials(join(folder, 'link.json')).load()).toEqual(credentials)
    await symlink(join(folder, 'nothing'), join(folder, 'dangling.json'))
    await expect(fileCredentials(join(folder, 'dangling.json')).save(credentials)).rejects.toMatchObject({ reason: 'unwritable' })
  })

  it('that many start on at once ends with one identity for all', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => resolveCredentials(fileCredentials(path), systemEnv)))
    expect(new Set(all.map(identity => identity.peerId)).size).toBe(1)
    expect(await fileCredentials(path).load()).toEqual(all[0]?.key?.credentials)
    expect(await readdir(folder)).toEqual(['peer.json'])
  })

  it('is written where a FileHandle cannot sync, as under Yarn PnP, and is synced all the same [D7]', async () => {
    const handle = await open(folder, 'r')
    const prototype = Object.getPrototypeOf(handle) as { sync: () => Promise<void>; datasync: () => Promise<void> } // a FileHandle
    await handle.close()
    const { sync, datasync } = prototype
    const notThere = () => {
      throw new Error('Method not implemented.') // in Yarn's words
    }
    const { fsync } = fs
    const synced: number[] = []
    Object.assign(prototype, { sync: notThere, datasync: notThere })
    replaceFsync((fd, callback) => {
      synced.push(fd)
      fsync(fd, callback)
    })
    try {
      const credentials = await fresh()
      await fileCredentials(path).save(credentials)
      expect(await fileCredentials(path).load()).toEqual(credentials)
      expect(synced.length).toBe(2) // the content, and the folder with the name
      expect(await readdir(folder)).toEqual(['peer.json'])
    } finally {
      Object.assign(prototype, { sync, datasync })
      replaceFsync(fsync)
    }
  })

  it.each([
    ['the file system knows no sync', 'ENOSYS'],
    ['the file system has no sync for such files', 'EINVAL'],
    ['the file system refuses to sync', 'ENOTSUP'],
    ['the platform has no fsync', undefined],
  ])('is written where %s (%s) [D7]', async (_, code) => {
    const { fsync } = fs
    replaceFsync((_fd, callback) => callback(Object.assign(new Error(code), { code })))
    try {
      const credentials = await fresh()
      await fileCredentials(path).save(credentials)
      expect(await fileCredentials(path).load()).toEqual(credentials)
    } finally {
      replaceFsync(fsync)
    }
  })

  it('is not there when the disk fails to keep it [D7]', async () => {
    const { fsync } = fs
    replaceFsync((_fd, callback) => callback(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })))
    try {
      const saving = fileCredentials(path).save(await fresh())
      await expect(saving).rejects.toMatchObject({ code: 'ERR_CREDENTIALS', reason: 'unwritable', cause: { code: 'EIO' } })
      expect(await readdir(folder)).toEqual([])
    } finally {
      replaceFsync(fsync)
    }
  })
})

function replaceFsync(fsync: (fd: number, callback: fs.NoParamCallback) => void): void {
  Object.assign(fs, { fsync })
  syncBuiltinESMExports() // modules that imported it by name get the new one too
}
