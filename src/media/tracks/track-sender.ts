/**
 * The tracks of a Sender on one connection. A switch of source replaces the track of an encoder, which the other end need not be told;
 * only a track more or less needs an offer. Sections of the description are used again, so that it does not grow.
 */
import { logger } from '../../core/log.js'
import { encodingOf, type EncodingOptions } from './encoding.js'
import type { Demand, Enabled } from '../bus/codec.js'
import type { MediaKind } from '../media-sdp.js'
import { readParameters } from './sender-parameters.js'
import { forgetSent } from './sent-packets.js'

const log = logger('media')

/** What is sent to one Receiver. */
export interface Publication {
  stream: MediaStream | undefined
  enabled: Enabled
  demand: Demand
  encoding: EncodingOptions
  /** MIME types or names such as `VP9`, the preferred one first. */
  codecs: { audio: readonly string[]; video: readonly string[] }
}

interface Slot {
  readonly kind: MediaKind
  readonly transceiver: RTCRtpTransceiver
  /** The track of the stream; the encoder has none while the track is muted. */
  track: MediaStreamTrack | undefined
  isPaused: boolean
}

export class TrackSender {
  readonly #rtc: RTCPeerConnection
  readonly #slots: Slot[] = []
  /**
   * The stream that all tracks of the connection belong to at the other end, which shows one stream: another one would take a new track away from
   * the tracks that are shown already.
   */
  #stream: MediaStream | undefined
  /** Serialises the changes, because each reads the parameters that the one before has set. */
  #changing: Promise<unknown> = Promise.resolve()
  /** The change that waits for the one before. It covers what else is asked for meanwhile, because a Receiver can ask at any rate. */
  #next: Promise<boolean> | undefined

  readonly #failed: (error: unknown) => void

  /** `failed` gets the error of an encoder that refuses its track or its parameters; it goes on with those before. */
  constructor(rtc: RTCPeerConnection, failed: (error: unknown) => void) {
    this.#rtc = rtc
    this.#failed = failed
  }

  /** Sends these tracks. Resolves to whether the other end needs an offer. Rejects if the connection takes no track. */
  publish(publication: () => Publication): Promise<boolean> {
    if (this.#next !== undefined) return this.#next
    const next = this.#changing.then(() => {
      this.#next = undefined
      return this.#apply(publication())
    })
    this.#next = next
    this.#changing = next.catch(() => {})
    return next
  }

  async #apply(publication: Publication): Promise<boolean> {
    const known = new Set(this.#slots)
    const needsOffer = await this.#assign(publication)
    for (const slot of this.#slots)
      try {
        await this.#mute(slot, publication)
        await this.#encode(slot, publication, !known.has(slot))
      } catch (error) {
        this.#failed(error)
      }
    return needsOffer
  }

  /** The path is lost. Where that helps, encoders of video stop until {@link resume}: see sent-packets.ts. */
  pause(): Promise<void> {
    // At once, because the next offer does not wait for the encoders.
    for (const slot of this.#slots) slot.isPaused = slot.kind === 'video' && forgetSent(slot.transceiver)
    return this.#inTurn(async slot => {
      if (slot.isPaused) await this.#activate(slot, false)
    })
  }

  /** Makes the encoders of video begin anew with a whole picture. A decoder that lost one asks for it only every 3 s (libwebrtc). */
  resume(): Promise<void> {
    for (const slot of this.#slots) slot.isPaused = false
    return this.#inTurn(async slot => {
      await this.#activate(slot, false)
      if (!slot.isPaused) await this.#activate(slot, true) // unless the path was lost again
    })
  }

  /** Changes each encoder of video, also when one refuses. */
  #inTurn(change: (slot: Slot) => Promise<void>): Promise<void> {
    const done = this.#changing.then(async () => {
      const failed: unknown[] = []
      for (const slot of this.#slots) if (slot.kind === 'video') await change(slot).catch(error => failed.push(error))
      if (failed.length > 0) throw failed[0]
    })
    this.#changing = done.catch(() => {})
    return done
  }

  async #activate({ transceiver }: Slot, active: boolean): Promise<void> {
    if (transceiver.sender.track === null) return
    const parameters = await readParameters(this.#rtc, transceiver)
    if (parameters.encodings.every(encoding => (encoding.active !== false) === active)) return
    for (const encoding of parameters.encodings) encoding.active = active
    await transceiver.sender.setParameters(parameters)
  }

  /** Gives each track of the stream a slot, and frees the other slots. */
  async #assign(publication: Publication): Promise<boolean> {
    const tracks = publication.stream?.getTracks().filter(({ readyState }) => readyState === 'live') ?? []
    const left = this.#slots.filter(({ track }) => track === undefined || !tracks.includes(track))
    let needsOffer = false
    this.#stream ??= publication.stream
    for (const track of tracks) {
      if (this.#slots.some(slot => slot.track === track)) continue
      // A slot in use is better than one that was stopped, because the other end shows it already.
      const fitting = left.filter(({ kind }) => kind === track.kind)
      const slot = fitting.find(({ transceiver }) => transceiver.direction === 'sendonly') ?? fitting[0]
      if (slot === undefined) {
        this.#slots.push(this.#open(track, publication))
        needsOffer = true
        continue
      }
      left.splice(left.indexOf(slot), 1)
      slot.track = track
      if (slot.transceiver.direction === 'sendonly') continue
      slot.transceiver.direction = 'sendonly'
      needsOffer = true
    }
    for (const slot of left) {
      slot.track = undefined
      needsOffer ||= slot.transceiver.direction !== 'inactive'
      slot.transceiver.direction = 'inactive'
    }
    return needsOffer
  }

  #open(track: MediaStreamTrack, publication: Publication): Slot {
    const kind = track.kind === 'video' ? 'video' : 'audio'
    const transceiver = this.#rtc.addTransceiver(track, {
      direction: 'sendonly',
      streams: this.#stream === undefined ? [] : [this.#stream],
      sendEncodings: [encodingFor(kind, track, publication)],
    })
    preferCodecs(transceiver, kind, publication.codecs[kind], 'RTCRtpSender')
    return { kind, transceiver, track, isPaused: false }
  }

  /** An encoder without a track encodes nothing. */
  async #mute({ kind, transceiver, track }: Slot, { enabled, demand }: Publication): Promise<void> {
    const isSent = enabled[kind] && (kind === 'audio' || demand !== 'off')
    const wanted = isSent && track !== undefined ? track : null
    if (transceiver.sender.track !== wanted) await transceiver.sender.replaceTrack(wanted)
  }

  /** A new transceiver was made with these parameters; reading them takes up to 4 ms in Chromium. */
  async #encode({ kind, transceiver, track, isPaused }: Slot, publication: Publication, isNew: boolean): Promise<void> {
    if (track === undefined) return
    const { contentHint, degradationPreference } = publication.encoding
    if (kind === 'video' && contentHint !== undefined) track.contentHint = contentHint
    const preference = kind === 'video' ? degradationPreference : undefined
    if (isNew && preference === undefined) return
    const parameters = await readParameters(this.#rtc, transceiver)
    const [encoding] = parameters.encodings
    if (encoding === undefined) return // before the first negotiation, in some implementations
    const wanted = encodingFor(kind, track, publication)
    const isEqual = PARAMETERS.every(
      name => encoding[name] === wanted[name] || (name === 'scaleResolutionDownBy' && kind === 'audio'),
    )
    const isActive = encoding.active !== false // not always as wanted: `resume` may have failed halfway
    if (isEqual && isActive !== isPaused && (preference === undefined || preference === parameters.degradationPreference)) return
    for (const name of PARAMETERS) delete encoding[name]
    Object.assign(encoding, wanted)
    if (isActive === isPaused) encoding.active = !isPaused
    if (preference !== undefined) parameters.degradationPreference = preference
    await transceiver.sender.setParameters(parameters)
  }
}

/** The parameters that this library sets. */
const PARAMETERS = ['maxBitrate', 'maxFramerate', 'scaleResolutionDownBy'] as const

function encodingFor(kind: MediaKind, track: MediaStreamTrack, { demand, encoding }: Publication): RTCRtpEncodingParameters {
  return encodingOf(kind, { options: encoding, demand, height: track.getSettings?.().height })
}

/** Orders the codecs of a section: the preferred ones first. Without one that the platform has, nothing changes. */
export function preferCodecs(
  transceiver: RTCRtpTransceiver,
  kind: MediaKind,
  preferred: readonly string[],
  side: 'RTCRtpSender' | 'RTCRtpReceiver',
): void {
  if (preferred.length === 0) return
  const platform = globalThis as { [Side in typeof side]?: { getCapabilities?(kind: string): RTCRtpCapabilities | null } }
  const codecs = platform[side]?.getCapabilities?.(kind)?.codecs ?? []
  const rank = ({ mimeType }: { mimeType: string }) => {
    const place = preferred.findIndex(name => mimeType.toLowerCase() === `${kind}/${name.toLowerCase().replace(/^\w+\//, '')}`)
    return place === -1 ? preferred.length : place
  }
  if (!codecs.some(codec => rank(codec) < preferred.length)) return
  try {
    transceiver.setCodecPreferences(codecs.toSorted((a, b) => rank(a) - rank(b)))
  } catch (error) {
    log('cannot prefer codecs: %o', error)
  }
}
