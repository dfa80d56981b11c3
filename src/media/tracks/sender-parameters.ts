/**
 * Reads the parameters of an encoder so that `setParameters` takes them back. @roamhq/wrtc 0.10.0 refuses what its own `getParameters` returns once
 * a description was applied (node-webrtc/node-webrtc#613): it leaves out the `ssrc` of the encodings, which may not change, and puts the prefix
 * `a=fmtp:<number> ` and spaces into `sdpFmtpLine`, which it then reads as names of codec parameters.
 */

export type SenderParameters = RTCRtpSendParameters & { degradationPreference?: string }

/** The lines of @roamhq/wrtc begin so; those of browsers begin with the first name. */
const PREFIX = /^a=fmtp:\d+ /

/** To be changed and set at once: the next task, or `getStats`, ends the transaction that they belong to. */
export async function readParameters(
  rtc: RTCPeerConnection,
  { sender, mid }: Pick<RTCRtpTransceiver, 'sender' | 'mid'>,
): Promise<SenderParameters> {
  const parameters = sender.getParameters()
  // Between an offer and its answer it has no codecs, and refuses encodings without their `ssrc` all the same.
  const isSuspect = ({ sdpFmtpLine }: RTCRtpCodecParameters) => sdpFmtpLine !== undefined && PREFIX.test(sdpFmtpLine)
  if (parameters.codecs === undefined || (parameters.codecs.length > 0 && !parameters.codecs.some(isSuspect))) return parameters
  const ssrc = await ssrcOf(rtc, mid)
  const repaired = sender.getParameters()
  for (const codec of repaired.codecs)
    if (codec.sdpFmtpLine !== undefined) codec.sdpFmtpLine = codec.sdpFmtpLine.replace(PREFIX, '').replaceAll('; ', ';')
  if (ssrc !== undefined) for (const encoding of repaired.encodings) Object.assign(encoding, { ssrc })
  return repaired
}

async function ssrcOf(rtc: RTCPeerConnection, mid: string | null): Promise<number | undefined> {
  let ssrc: number | undefined
  const report = await rtc.getStats()
  report.forEach((entry: { type: string; mid?: string; ssrc?: number }) => {
    if (entry.type === 'outbound-rtp' && entry.mid === mid) ssrc = entry.ssrc
  })
  return ssrc
}
