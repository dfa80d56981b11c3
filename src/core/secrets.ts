/** Takes passwords out of URLs, because errors, logs and statistics are pasted into issues and served to metric collectors. */

const HIDDEN = '***'
/** Bounds on what a pattern looks at: a remote may have chosen the text. */
const USER_INFO = /\b([a-z][a-z\d+.-]{0,20}:(?:\/\/)?)[^\s/?#@]{1,256}@/gi
/** `transport=tcp` of a TURN server is none. */
const QUERY_VALUE = /([?&](?!transport=)[^\s=&#?]{1,64}=)[^\s&#]+/g

/**
 * The text with `***` in place of the user info and of the query values of each URL in it. The name of a tracker or a driver:
 * `wss://user:password@host/announce?key=1` becomes `wss://***@host/announce?key=***`.
 */
export function withoutSecrets(text: string): string {
  return text.replaceAll(USER_INFO, `$1${HIDDEN}@`).replaceAll(QUERY_VALUE, `$1${HIDDEN}`)
}
