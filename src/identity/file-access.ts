/** Checks whether other users of this machine can read or replace a file, by owners and permission bits. For POSIX systems. */
import { realpath, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** The fields of `stat` of a file or a folder. */
export interface Access {
  uid: number
  gid: number
  mode: number
}

/** Why other users can read or replace the file, and what to do: the second half of an error message. */
export type Exposure = string | undefined

const ROOT = 0
const ACCESS_OF_OTHERS = 0o077
const GROUP_WRITE = 0o020
const OTHERS_WRITE = 0o002
const STICKY = 0o1000

/** Whether owners and permission bits can be checked: Windows has access lists instead, and Node makes up both. */
export function isChecked(): boolean {
  return process.platform !== 'win32'
}

/** The user id of this process; `undefined` in a runtime without `geteuid`, where only the bits are checked. */
export function currentUser(): number | undefined {
  return process.geteuid?.()
}

/** Checks the opened file itself, so that a symbolic link counts as its target. Root may own it: root can read every file. */
export function fileExposure(path: string, file: Access, user: number | undefined): Exposure {
  if ((file.mode & ACCESS_OF_OTHERS) !== 0) return `can be read by other users of this machine: chmod 600 ${path}`
  if (user === undefined || file.uid === user || file.uid === ROOT) return undefined
  return `belongs to another user of this machine (uid ${file.uid}, this process has ${user}): chown it, or save to a file of your own`
}

/**
 * Checks one folder above the file: a user who can write there can replace the file. In a sticky folder such as /tmp only the owner of a
 * file can remove or rename it, and a file that another user put there first has the wrong owner. A group with the same number as the
 * folder's owner counts as the owner: most Linux systems make such a private group for each user.
 */
export function folderExposure(folder: string, { uid, gid, mode }: Access, user: number | undefined): Exposure {
  if (user !== undefined && uid !== user && uid !== ROOT)
    return `lies in ${folder}, whose owner is another user (uid ${uid}, this process has ${user}): move it to a folder of your own`
  const isShared = (mode & OTHERS_WRITE) !== 0 || ((mode & GROUP_WRITE) !== 0 && gid !== uid)
  if (!isShared || (mode & STICKY) !== 0) return undefined
  return `lies in ${folder}, where other users of this machine can replace it: chmod go-w ${folder}`
}

/** Checks the folders above the path as it is written, then those above the target of its symbolic links. Skips missing folders. */
export async function foldersExposure(path: string, user: number | undefined): Promise<Exposure> {
  const written = resolve(path)
  const real = await realpath(written).catch(() => undefined)
  for (const folder of new Set([...foldersAbove(written), ...(real === undefined ? [] : foldersAbove(real))])) {
    const status = await stat(folder).catch(() => undefined) // opening the file reports a bad folder
    const exposure = status && folderExposure(folder, status, user)
    if (exposure !== undefined) return exposure
  }
  return undefined
}

/** All parent folders up to the root, the nearest first. */
function foldersAbove(path: string): string[] {
  const folder = dirname(path)
  return folder === path ? [] : [folder, ...foldersAbove(folder)]
}
