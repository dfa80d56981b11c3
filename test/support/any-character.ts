import fc from 'fast-check'

/** Any code point, also half of a pair. fast-check's own unit `binary` is the same, but takes half a second to prepare. */
export const anyCharacter = fc.nat(0x10ffff).map(code => String.fromCodePoint(code))
