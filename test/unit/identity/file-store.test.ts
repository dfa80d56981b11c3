import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { chmod, chown, link, mkdir, mkdtemp, open, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemEnv } from '../../../src/core/env.js'
import { fileExposure, folderExposure } from '../../../src/identity/file-access.js'
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

describe('a credentials file [D7]', () => {
  it('requires a path, which fileCredentials() checks', () => {
    for (const [bad, what] of [
      [undefined, 'undefined'],
      ['', '""'],
      [5, '5'],
      [{ path }, 'an object'],
    ] as const) {
      expect(() => fileCredentials(bad as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
      expect(() => fileCredentials(bad as never)).toThrow(
        `got ${what}: the path of the credentials file must be a non-empty string`,
      )
    }
  })

  it('loads as undefined if it is missing', async () => {
    expect(await fileCredentials(path).load()).toBeUndefined()
  })

  it('keeps what was saved, is readable by its owner only, and leaves no other file', async () => {
    const credentials = await fresh()
    await fileCredentials(path).save(credentials)
    expect(await fileCredentials(path).load()).toEqual(credentials)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['peer.json'])
  })

  it('refuses to save another identity, and accepts the same identity again', async () => {
    const store = fileCredentials(path)
    const credentials = await fresh()
    await store.save(credentials)
    await store.save(credentials)
    await expect(store.save(await fresh())).rejects.toMatchObject({ code: 'ERR_CREDENTIALS', reason: 'taken' })
    expect(await store.load()).toEqual(credentials)
    expect(await readdir(folder)).toEqual(['peer.json'])
  })

  it('is refused if other users can read it, with the command that fixes it', async () => {
    for (const mode of [0o640, 0o604, 0o620, 0o601, 0o666]) {
      await put(JSON.stringify(await fresh()), mode)
      const error = await fileCredentials(path)
        .load()
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'ERR_CREDENTIALS', reason: 'exposed' })
      expect(String(error)).toContain(`chmod 600 ${path}`)
    }
  })

  it('is refused as damaged or wrong-key, and is not changed', async () => {
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

  it('is refused in a missing folder, with the advice to create it', async () => {
    const lost = join(folder, 'nowhere', 'peer.json')
    const error = await resolveCredentials(fileCredentials(lost), systemEnv).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'ERR_CREDENTIALS', reason: 'unwritable', cause: { code: 'ENOENT' } })
    expect(String(error)).toContain(`the folder ${join(folder, 'nowhere')} does not exist`)
  })

  it('is refused if the path is a folder, or is below a file', async () => {
    await mkdir(path)
    await expect(fileCredentials(path).load()).rejects.toMatchObject({ reason: 'unreadable' })
    await writeFile(join(folder, 'plain'), '')
    await expect(fileCredentials(join(folder, 'plain', 'x')).load()).rejects.toMatchObject({ reason: 'unreadable' })
  })

  it('is found through a symbolic link, but not through a broken one', async () => {
    const credentials = await fresh()
    await fileCredentials(path).save(credentials)
    await symlink(path, join(folder, 'link.json'))
    expect(await fileCredentials(join(folder, 'link.json')).load()).toEqual(credentials)
    await symlink(join(folder, 'nothing'), join(folder, 'dangling.json'))
    await expect(fileCredentials(join(folder, 'dangling.json')).save(credentials)).rejects.toMatchObject({ reason: 'unwritable' })
  })

  it('gives 20 clients that start at once the same identity', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => resolveCredentials(fileCredentials(path), systemEnv)))
    expect(new Set(all.map(identity => identity.peerId)).size).toBe(1)
    expect(await fileCredentials(path).load()).toEqual(all[0]?.key?.credentials)
    expect(await readdir(folder)).toEqual(['peer.json'])
  })

  it('is written and synced where a FileHandle cannot sync, as under Yarn PnP [D7]', async () => {
    const handle = await open(folder, 'r')
    const prototype = Object.getPrototypeOf(handle) as { sync: () => Promise<void>; datasync: () => Promise<void> } // a FileHandle
    await handle.close()
    const { sync, datasync } = prototype
    const notImplemented = () => {
      throw new Error('Method not implemented.') // the message of Yarn PnP
    }
    const { fsync } = fs
    const synced: number[] = []
    Object.assign(prototype, { sync: notImplemented, datasync: notImplemented })
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
    ['the file system has no sync', 'ENOSYS'],
    ['the file system cannot sync this kind of file', 'EINVAL'],
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

  it('does not exist after an I/O error [D7]', async () => {
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

/** A user and a group that own no file of this test. */
const STRANGER = 65_534
const isRoot = process.geteuid?.() === 0

describe('a credentials file that other users of the machine can replace', () => {
  const expectExposed = async (at: string, words: string | RegExp) => {
    const error = await fileCredentials(at)
      .load()
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'ERR_CREDENTIALS', reason: 'exposed' })
    expect(String(error)).toContain(`the credentials file ${at} `)
    expect(String(error)).toMatch(words)
  }

  it.runIf(isRoot)('is refused if it belongs to another user, also behind a symbolic link [D7]', async () => {
    await put(JSON.stringify(await fresh()))
    await symlink(path, join(folder, 'link.json'))
    await chown(path, STRANGER, STRANGER)
    await expectExposed(path, /belongs to another user .*\(uid 65534, this process has 0\): chown it/)
    await expectExposed(join(folder, 'link.json'), /belongs to another user/)
    await chown(path, 0, 0)
    expect(await fileCredentials(join(folder, 'link.json')).load()).toBeDefined()
  })

  it('is refused, and not created, below a folder that other users can write to [D7]', async () => {
    const inner = join(folder, 'a', 'b')
    const at = join(inner, 'peer.json')
    await mkdir(inner, { recursive: true })
    const credentials = await fresh()
    await fileCredentials(at).save(credentials)
    for (const shared of [inner, join(folder, 'a')]) {
      await chmod(shared, 0o757)
      await expectExposed(at, `lies in ${shared}, where other users of this machine can replace it: chmod go-w ${shared}`)
      await expect(fileCredentials(join(inner, 'new.json')).save(credentials)).rejects.toMatchObject({ reason: 'exposed' })
      expect(await readdir(inner)).toEqual(['peer.json'])
      await chmod(shared, 0o1777) // sticky, as /tmp is
      expect(await fileCredentials(at).load()).toEqual(credentials)
      await chmod(shared, 0o755)
    }
    expect(await fileCredentials(at).load()).toEqual(credentials)
  })

  it('is refused behind a symbolic link that other users can change, or that leads into their folder [D7]', async () => {
    const [ours, theirs] = [join(folder, 'ours'), join(folder, 'theirs')]
    await mkdir(ours)
    await mkdir(theirs)
    const credentials = await fresh()
    await fileCredentials(join(ours, 'peer.json')).save(credentials)
    await link(join(ours, 'peer.json'), join(theirs, 'peer.json'))
    await symlink(join(ours, 'peer.json'), join(theirs, 'link.json'))
    await symlink(join(theirs, 'peer.json'), join(ours, 'link.json'))
    expect(await fileCredentials(join(theirs, 'link.json')).load()).toEqual(credentials)
    await chmod(theirs, 0o777)
    await expectExposed(join(theirs, 'link.json'), `lies in ${theirs}`)
    await expectExposed(join(ours, 'link.json'), `lies in ${theirs}`)
  })

  it.runIf(isRoot)('is refused in a folder of another user [D7]', async () => {
    await put(JSON.stringify(await fresh()))
    await chown(folder, STRANGER, STRANGER)
    await expectExposed(path, /lies in .*, whose owner is another user \(uid 65534, this process has 0\): move it/)
  })

  const [user, root] = [1_000, 0]
  it.each([
    ['its owner', { uid: user, gid: user, mode: 0o100600 }, true],
    ['root', { uid: root, gid: root, mode: 0o100600 }, true],
    ['another user', { uid: 1_001, gid: user, mode: 0o100600 }, false],
    ['its owner, readable by the group', { uid: user, gid: user, mode: 0o100640 }, false],
  ])('depends on the owner and the permission bits of the file: %s [D7]', (_, access, isFine) => {
    expect(fileExposure('peer.json', access, user) === undefined).toBe(isFine)
  })

  it.each([
    ['an own folder', { uid: user, gid: 20, mode: 0o40700 }, true],
    ['a folder that others can read', { uid: user, gid: 20, mode: 0o40755 }, true],
    ['a folder that the private group of its owner can write to', { uid: user, gid: user, mode: 0o40775 }, true],
    ['a folder that another group can write to', { uid: user, gid: 20, mode: 0o40775 }, false],
    ['a folder that all users can write to', { uid: user, gid: user, mode: 0o40777 }, false],
    ['a folder of the system', { uid: root, gid: root, mode: 0o40755 }, true],
    ['a folder of the system that a group can write to', { uid: root, gid: 50, mode: 0o42775 }, false],
    ['a sticky folder of the system', { uid: root, gid: root, mode: 0o41777 }, true],
    ['a folder of another user', { uid: 1_001, gid: user, mode: 0o40755 }, false],
    ['a sticky folder of another user', { uid: 1_001, gid: user, mode: 0o41777 }, false],
  ])('depends on the owner and the permission bits of its folders: %s [D7]', (_, access, isFine) => {
    expect(folderExposure('/a', access, user) === undefined).toBe(isFine)
  })

  it('depends on the permission bits only in a runtime without geteuid [D7]', () => {
    expect(fileExposure('peer.json', { uid: user, gid: user, mode: 0o100600 }, undefined)).toBeUndefined()
    expect(fileExposure('peer.json', { uid: user, gid: user, mode: 0o100644 }, undefined)).toContain('chmod 600')
    expect(folderExposure('/a', { uid: user, gid: 20, mode: 0o40777 }, undefined)).toContain('chmod go-w')
    expect(folderExposure('/a', { uid: user, gid: 20, mode: 0o40755 }, undefined)).toBeUndefined()
  })

  it('is not checked on Windows, where Node makes up owners and permission bits [D7]', async () => {
    await put(JSON.stringify(await fresh()), 0o666)
    await chmod(folder, 0o777)
    const platform = vi.spyOn(process, 'platform', 'get').mockReturnValue('win32')
    expect(await fileCredentials(path).load()).toBeDefined()
    await expect(fileCredentials(path).save(await fresh())).rejects.toMatchObject({ reason: 'taken' })
    platform.mockRestore()
    await expectExposed(path, 'chmod 600')
  })
})

function replaceFsync(fsync: (fd: number, callback: fs.NoParamCallback) => void): void {
  Object.assign(fs, { fsync })
  syncBuiltinESMExports() // for modules that imported it by name
}
