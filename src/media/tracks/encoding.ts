/** What a Sender asks of its encoders, as options and as parameters of WebRTC. Pure. */
import { checkNames, checkNumber, invalid } from '../../core/arguments.js'
import type { Demand } from '../bus/codec.js'
import type { MediaKind } from '../media-sdp.js'

/** Hints for the encoders, for all Receivers or for one. */
export interface EncodingOptions {
  /** Highest audio bitrate, in kilobits per second. */
  audioBitrate?: number
  /** Highest video bitrate, in kilobits per second. */
  videoBitrate?: number
  /** Highest number of frames per second. */
  maxFramerate?: number
  /** The video is scaled down to this height, in pixels. */
  maxHeight?: number
  /** What the video shows: `motion` (a camera), `detail` or `text` (a screen). */
  contentHint?: '' | 'motion' | 'detail' | 'text'
  /** What suffers first when the processor or the network is too slow. */
  degradationPreference?: 'balanced' | 'maintain-framerate' | 'maintain-resolution'
}

const NAMES = ['audioBitrate', 'videoBitrate', 'maxFramerate', 'maxHeight', 'contentHint', 'degradationPreference'] as const

/** For a tile that is shown small. */
const LOW = { videoBitrate: 150, maxFramerate: 15, maxHeight: 180 }

/** Throws for invalid options. */
export function checkEncoding(options: EncodingOptions): EncodingOptions {
  checkNames(options, NAMES)
  const { contentHint, degradationPreference } = options
  for (const name of ['audioBitrate', 'videoBitrate'] as const)
    if (options[name] !== undefined) checkNumber(name, options[name], { least: 1, most: 1_000_000 })
  for (const name of ['maxFramerate', 'maxHeight'] as const)
    if (options[name] !== undefined) checkNumber(name, options[name], { least: 1, most: 10_000 })
  checkChoice('contentHint', contentHint, ['', 'motion', 'detail', 'text'])
  checkChoice('degradationPreference', degradationPreference, ['balanced', 'maintain-framerate', 'maintain-resolution'])
  return options
}

function checkChoice(name: string, value: string | undefined, choices: readonly string[]): void {
  if (value !== undefined && !choices.includes(value)) throw invalid(name, choices.map(choice => `'${choice}'`).join(', '), value)
}

/** The parameters of one encoder. `height` is that of the source. */
export function encodingOf(
  kind: MediaKind,
  { options, demand, height }: { options: EncodingOptions; demand: Demand; height: number | undefined },
): RTCRtpEncodingParameters {
  if (kind === 'audio') return kilobits(options.audioBitrate)
  const { videoBitrate, maxFramerate, maxHeight } = demand === 'low' ? lowest(options) : options
  return {
    ...kilobits(videoBitrate),
    ...(maxFramerate !== undefined && { maxFramerate }),
    scaleResolutionDownBy: maxHeight === undefined || height === undefined ? 1 : Math.max(height / maxHeight, 1),
  }
}

function lowest({ videoBitrate, maxFramerate, maxHeight }: EncodingOptions): typeof LOW {
  return {
    videoBitrate: Math.min(videoBitrate ?? LOW.videoBitrate, LOW.videoBitrate),
    maxFramerate: Math.min(maxFramerate ?? LOW.maxFramerate, LOW.maxFramerate),
    maxHeight: Math.min(maxHeight ?? LOW.maxHeight, LOW.maxHeight),
  }
}

function kilobits(bitrate: number | undefined): { maxBitrate?: number } {
  return bitrate === undefined ? {} : { maxBitrate: Math.round(bitrate * 1_000) }
}
